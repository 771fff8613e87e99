"""What an entry of the registry says of a cell, a layer or an engine."""

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from rnnjax import Cell, Layer, recurrent
from rnnjax.base import Engine
from rnnjax.catalogue import CatalogueEntry


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


def layer_case(name, maker, *args, input_size=3, every_engine=False, **options):
    """Makes the case of a layer, whose maker is given the engine if it takes one.

    Parts of it that run on the engine too are made by `over`. Where `input_size` is the
    size of a vocabulary, 11, it reads tokens.
    """
    takes_engine = "engine" in inspect.signature(maker).parameters

    def make(engine):
        parts = [x(engine) if isinstance(x, over) else x for x in args]
        of_engine = {"engine": engine} if takes_engine else {}
        return maker(*parts, **options, **of_engine)

    draw = draw_tokens if input_size == 11 else draw_vectors
    return LayerCase(name, maker, make, input_size, draw, every_engine)


@dataclasses.dataclass(frozen=True)
class over:
    """A recurrent layer of a cell, part of another layer and on its engine."""

    cell: Cell

    def __call__(self, engine):
        return recurrent(self.cell, engine=engine)
