"""What an entry of the registry says of a cell, a layer or an engine."""

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax import Cell, Layer
from rnnjax.attention import Memory, bind_memory
from rnnjax.base import Engine
from rnnjax.catalogue import CatalogueEntry
from rnnjax.layers import bind_source


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
      every_engine: whether the ordinary run takes it through all contracts on all
        engines; else through those of values and padding on `hoisted`, and the slow
        run does the rest.
      values_on_every_engine: whether the ordinary run takes it on all engines through
        the contracts of values and padding, forwards.
      slow: whether only the slow run takes it.
      of: the maker that is registered by this case.
    """

    name: str
    make: Callable[[], Cell]
    input_size: Any = 3
    draw: Callable[..., Any] = draw_vectors
    rounded: bool = False
    forward_mode: bool = True
    every_engine: bool = False
    values_on_every_engine: bool = False
    slow: bool = False
    of: Callable[..., Cell] | None = None

    @functools.cached_property
    def cell(self) -> Cell:
        return self.make()


def case_of_entry(entry: CatalogueEntry, options, **facts) -> CellCase:
    """Makes the case of an entry of the catalogue, with further options of its maker.

    Its size is the entry's `test_size`, its inputs have 3 features.
    """
    size = entry.test_size
    # All workers must collect the same names: no address of a function in them.
    call = entry.call.replace("(H", "(")
    call = f"{entry.maker.__name__}, {entry.name}" if " at 0x" in call else call
    return CellCase(
        re.sub(r"\W+", "_", call).strip("_"),
        lambda: entry.make(size, **options),
        entry.input_size(size if entry.square else 3),
        entry.draw or draw_vectors,
        of=entry.maker,
        **facts,
    )


def with_memory(reader, is_masked=True):
    """Makes a cell or layer whose `init` binds a memory that all sequences share.

    It has 6 rows of width 4, some of them masked unless told otherwise.
    """

    def init(key, input_size):
        values = jax.random.normal(key, (6, 4))
        mask = jnp.array([True, True, False, True, True, False])
        memory = Memory(values, mask if is_masked else None)
        return bind_memory(reader.init(key, input_size), memory)

    return reader._replace(init=init)


def with_source(reader):
    """Makes a layer whose `init` also binds the tokens of that memory."""

    def init(key, input_size):
        return bind_source(reader.init(key, input_size), jnp.array([6, 0, 1, 3, 6, 8]))

    return reader._replace(init=init)


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
      of: the maker that is registered by this case.
      make: makes the layer, given an engine.
      input_size: what `init` is given.
      draw: `(rng, leading_shape, input_size) -> inputs`.
      every_engine: see `CellCase`.
    """

    name: str
    of: Callable[..., Layer]
    make: Callable[[Engine], Layer]
    input_size: Any = 3
    draw: Callable[..., Any] = draw_vectors
    every_engine: bool = False

    @functools.cache  # noqa: B019
    def layer(self, engine: Engine) -> Layer:
        return self.make(engine)
