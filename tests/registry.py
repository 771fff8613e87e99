"""What the contracts are tested over: every cell, layer and engine, a line each.

A new one is registered here and gets all contracts of `tests/contracts`. What is not
registered fails `tests/test_registry.py`.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax import (
    Cell,
    Layer,
    bidirectional,
    dense,
    dropout,
    elman,
    embed,
    gru,
    hoisted,
    lstm,
    one_hot,
    recurrent,
    remat,
    scan,
    stack,
)
from rnnjax.base import Engine
from rnnjax.models.language_model import language_model
from tests import user_cells


def draw_vectors(rng, leading, input_size):
    """Draws `[*leading, input_size]`, whatever the rank of `input_size`."""
    sizes = input_size if isinstance(input_size, tuple) else (input_size,)
    return rng.normal(size=(*leading, *sizes))


def draw_tokens(rng, leading, input_size):
    return rng.integers(input_size, size=leading).astype(np.int32)


def draw_tree(rng, leading, input_size):
    """Draws vectors and, beside them, one number a step."""
    features = draw_vectors(rng, leading, input_size)
    return {"features": features, "gain": rng.normal(size=leading)}


@dataclasses.dataclass(frozen=True)
class CellCase:
    """One cell to test.

    Attributes:
      name: shown by pytest.
      make: makes the cell.
      input_size: what `init` is given.
      draw: `(rng, leading_shape, input_size) -> inputs`.
      rounded: whether products are rounded to bfloat16: then engines agree within 2 %,
        and finite differences see steps.
      forward_mode: whether the cell has a forward-mode derivative.
    """

    name: str
    make: Callable[[], Cell]
    input_size: Any = 3
    draw: Callable[..., Any] = draw_vectors
    rounded: bool = False
    forward_mode: bool = True

    @functools.cached_property
    def cell(self) -> Cell:
        return self.make()


@dataclasses.dataclass(frozen=True)
class EngineCase:
    """One engine to test.

    Attributes:
      name: shown by pytest.
      engine: the engine, its options given.
      tolerance: how far it may be from the loop in float64, values and gradients.
    """

    name: str
    engine: Engine
    tolerance: float = 1e-11


@dataclasses.dataclass(frozen=True)
class LayerCase:
    """One layer to test.

    Attributes:
      name: shown by pytest.
      make: makes the layer, given an engine.
      input_size: what `init` is given.
      draw: `(rng, leading_shape, input_size) -> inputs`.
    """

    name: str
    make: Callable[[Engine], Layer]
    input_size: Any = 3
    draw: Callable[..., Any] = draw_vectors

    @functools.cache  # noqa: B019
    def layer(self, engine: Engine) -> Layer:
        return self.make(engine)


CELLS = [
    CellCase("elman_tanh", lambda: elman(5)),
    CellCase(
        "elman_relu_no_bias",
        lambda: elman(5, activation=jax.nn.relu, use_bias=False),
    ),
    CellCase("lstm", lambda: lstm(5)),
    CellCase(
        "lstm_no_bias_bf16",
        lambda: lstm(5, use_bias=False, compute_dtype=jnp.bfloat16),
        rounded=True,
    ),
    CellCase("gru_after", lambda: gru(5)),
    CellCase("gru_before", lambda: gru(5, reset_after=False)),
    CellCase("counting", lambda: user_cells.counting(5), draw=draw_tree),
    CellCase("learned_start", lambda: user_cells.learned_start(lstm(5))),
    CellCase("tokens", lambda: user_cells.reading_tokens(5), 11, draw_tokens),
    CellCase("convolving", lambda: user_cells.convolving(5), (4, 3)),
    CellCase("reflecting", lambda: user_cells.reflecting(5)),
    CellCase("second_order", lambda: user_cells.of_second_order(5)),
    CellCase(
        "clipping", lambda: user_cells.clipping(gru(5), 100.0), forward_mode=False
    ),
]

ENGINES = [
    EngineCase("scan", scan),
    EngineCase("hoisted", hoisted),
    EngineCase("remat", remat(chunk_length=3)),
]

LAYERS = [
    LayerCase("recurrent", lambda engine: recurrent(lstm(5), engine=engine)),
    LayerCase("reverse", lambda engine: recurrent(gru(5), reverse=True, engine=engine)),
    LayerCase(
        "bidirectional", lambda engine: bidirectional(lstm(5), elman(4), engine=engine)
    ),
    LayerCase("dropout", lambda engine: dropout(0.4)),
    LayerCase(
        "stack_dropout",
        lambda engine: stack(
            recurrent(lstm(5), engine=engine),
            dropout(0.5),
            recurrent(user_cells.learned_start(gru(4)), engine=engine),
            dropout(0.3),
            dense(6),
        ),
    ),
    LayerCase(
        "stack_tokens",
        lambda engine: stack(embed(4), recurrent(gru(5), engine=engine), dense(11)),
        11,
        draw_tokens,
    ),
    LayerCase(
        "stack_bidirectional",
        lambda engine: stack(
            bidirectional(gru(5), engine=engine), dropout(0.5), dense(4)
        ),
    ),
    LayerCase(
        "language_model",
        lambda engine: language_model(
            11,
            [recurrent(gru(4), engine=engine), recurrent(lstm(5), engine=engine)],
            embedding_size=5,
            dropout_rate=0.4,
            tie_weights=True,
        ),
        11,
        draw_tokens,
    ),
    LayerCase("embed", lambda engine: embed(5), 11, draw_tokens),
    LayerCase("one_hot", lambda engine: one_hot(11), 11, draw_tokens),
    LayerCase("dense", lambda engine: dense(5)),
]
