"""Entries of the catalogue of cells."""

import dataclasses
import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from rnnjax.base import Cell
from rnnjax.catalogue.docstrings import equations, first_reference
from rnnjax.engines import ENGINES


@dataclasses.dataclass(frozen=True, eq=False)
class CatalogueEntry:
    """A cell of the catalogue. Its module is imported when it is first needed.

    Attributes:
      name: as it is called in the literature.
      call: the maker and its options, such as "gru(H, reset_after=False)".
      maker_path: where the maker is, below `rnnjax.cells`: "minimal.min_gru".
      step_path: where the public step is; its docstring holds the equations.
      sizes: the arguments of the maker after the hidden size.
      options: its keyword arguments, where they are not the defaults.
      step_options: keyword arguments of the step that the maker does not take.
      made: `(hidden_size, **options) -> Cell` for what is not the maker called with
        the hidden size; None for all others.
      space: axes of one step's inputs before their features, such as (8, 8).
      square: whether the inputs must be as wide as the carry.
      draw: `(rng, leading_shape, num_features) -> inputs` for inputs that are not one
        array of normal numbers.
      test_size: a small hidden size for tests.
      source: the paper, if it is not the first reference of the step.
    """

    name: str
    call: str
    maker_path: str
    step_path: str
    sizes: tuple[Any, ...]
    options: Mapping[str, Any]
    step_options: Mapping[str, Any]
    made: Callable[..., Cell] | None
    space: tuple[int, ...]
    square: bool
    draw: Callable[..., Any] | None
    test_size: int
    source: str | None

    @functools.cached_property
    def maker(self) -> Callable[..., Cell]:
        """The function that makes the cell."""
        return _find(self.maker_path)

    @functools.cached_property
    def step(self) -> Callable[..., Any]:
        """The public step."""
        return _find(self.step_path)

    def make(self, hidden_size: int, **changes: Any) -> Cell:
        """Makes the cell.

        Args:
          hidden_size: width of the carry.
          **changes: options of the maker, instead of or beside those of the entry.

        Returns:
          The cell.
        """
        if self.made is not None:
            return self.made(hidden_size, **(dict(self.options) | changes))
        return self.maker(hidden_size, **(self.arguments | changes))

    @functools.cached_property
    def arguments(self) -> dict[str, Any]:
        """Arguments of the maker by name, without the hidden size and defaults."""
        sizes = inspect.signature(self.maker).bind(0, *self.sizes).arguments
        return dict(list(sizes.items())[1:]) | dict(self.options)

    def input_size(self, num_features: int) -> Any:
        """Returns what `init` takes for inputs of a number of features."""
        return (*self.space, num_features) if self.space else num_features

    @property
    def reads_vectors(self) -> bool:
        """Whether one step's inputs are one vector of any length."""
        return not self.space and not self.square and self.draw is None

    @property
    def equations(self) -> str:
        """The equations, one per line, from the docstring of the step."""
        return equations(self.step)

    @property
    def paper(self) -> str:
        """The work that the cell is from."""
        return first_reference(self.step) if self.source is None else self.source

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines that give exact values and gradients: all there are."""
        return tuple(engine.__name__ for engine in ENGINES)

    @property
    def splits(self) -> bool:
        """Whether the step is given as factors, which makes `hoisted` faster."""
        return self.make(8).factors is not None

    def num_weights(self, input_size: Any, hidden_size: int) -> int:
        """Counts the numbers in the parameters.

        Args:
          input_size: what `cell.init` takes.
          hidden_size: width of the carry.

        Returns:
          The number of weights, biases included.
        """
        cell = self.make(hidden_size)
        params = jax.eval_shape(
            lambda key: cell.init(key, input_size), jax.random.key(0)
        )
        return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(params))


def entry(
    name: str,
    maker: str,
    *sizes: Any,
    step: str | None = None,
    step_options: Mapping[str, Any] | None = None,
    made: Callable[..., Cell] | None = None,
    call: str | None = None,
    space: tuple[int, ...] = (),
    square: bool = False,
    draw: Callable[..., Any] | None = None,
    test_size: int = 5,
    source: str | None = None,
    **options: Any,
) -> CatalogueEntry:
    """Makes the entry of a cell.

    Args:
      name: as it is called in the literature.
      maker: where the maker is, below `rnnjax.cells`: "minimal.min_gru"; "janet" is
        short for "janet.janet".
      *sizes: what the maker takes after the hidden size.
      step: where the public step is; None: beside the maker, with "_step" after its
        name.
      step_options: see `CatalogueEntry`.
      made: see `CatalogueEntry`.
      call: how the cell is made, where the other arguments do not say it.
      space: see `CatalogueEntry`.
      square: see `CatalogueEntry`.
      draw: see `CatalogueEntry`.
      test_size: see `CatalogueEntry`.
      source: see `CatalogueEntry`.
      **options: keyword arguments of the maker.

    Returns:
      The entry.

    Example:
      >>> entry("GRU", "gru", reset_after=False).call
      'gru(H, reset_after=False)'
      >>> entry("minGRU", "minimal.min_gru").step.__name__
      'min_gru_step'
    """
    maker_path = maker if "." in maker else f"{maker}.{maker}"
    written = ["H", *map(_written, sizes)]
    written += [f"{key}={_written(value)}" for key, value in options.items()]
    return CatalogueEntry(
        name,
        call or f"{maker_path.rpartition('.')[2]}({', '.join(written)})",
        maker_path,
        step or f"{maker_path}_step",
        sizes,
        options,
        step_options or {},
        made,
        space,
        square,
        draw,
        test_size,
        source,
    )


def _find(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"rnnjax.cells.{module}"), name)


def _written(value):
    return value.__name__ if callable(value) else repr(value)
