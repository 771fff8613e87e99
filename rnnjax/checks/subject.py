"""A cell with what its contracts are checked on."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from rnnjax.base import Cell, prepared
from rnnjax.checks.compare import is_floating, steps
from rnnjax.checks.runs import (
    Arguments,
    compiled,
    run_under_vmap,
    run_with_gradients,
)
from rnnjax.engines.hoisted import hoisted
from rnnjax.engines.scan import scan
from rnnjax.unroll import unroll

NUM_STEPS, BATCH_SIZE = 6, 3


class Subject:
    """A cell with drawn arguments and compiled programs, in float64.

    Those are made when a contract first asks for them, so that an error of the cell in
    making them is a finding of that contract.

    Attributes:
      cell: the cell.
      params: drawn parameters.
      inputs: of two chunks of `NUM_STEPS` and a batch of `BATCH_SIZE`.
    """

    def __init__(
        self, cell: Cell, input_size: Any, draw_inputs: Callable | None, seed: int
    ):
        self.cell = cell
        self.rng = np.random.default_rng(seed)
        leading = 2 * NUM_STEPS, BATCH_SIZE
        if draw_inputs is not None:
            self.inputs = draw_inputs(self.rng, leading)
        elif cell.input_ndim == 0:
            self.inputs = self.rng.integers(input_size, size=leading)
        else:
            sizes = input_size if isinstance(input_size, tuple) else (input_size,)
            self.inputs = self.rng.normal(size=(*leading, *sizes))
        init = jax.jit(lambda key: cell.init(key, input_size))
        self.params = self.move(init(jax.random.key(seed)))

    def move(self, tree: Any) -> Any:
        """Moves numbers a little, in float64, so that zero biases matter too."""

        def move_leaf(x):
            x = np.asarray(x)
            if not is_floating(x):
                return x
            return np.float64(x) + 0.1 * self.rng.normal(size=x.shape)

        return jax.tree.map(move_leaf, tree)

    @functools.cached_property
    def two_chunks(self) -> Arguments:
        """Returns arguments of twice as many steps as a run takes."""
        leading = 2 * NUM_STEPS, BATCH_SIZE
        start = self.cell.initial_carry(prepared(self.cell, self.params), (BATCH_SIZE,))

        def draw(x):
            drawn = self.rng.normal(size=x.shape) if is_floating(x) else 0
            return np.broadcast_to(drawn, x.shape).astype(x.dtype)

        run = functools.partial(unroll, self.cell)
        result = jax.eval_shape(run, self.params, self.inputs)
        return Arguments(
            self.params,
            self.move(start),
            self.inputs,
            self.rng.random(leading) < 0.7,
            self.rng.random(leading) < 0.3,
            jax.tree.map(draw, result),
        )

    @functools.cached_property
    def arguments(self) -> Arguments:
        """Returns the arguments of a run."""
        params, carry, inputs, mask, is_first, (of_carry, of_outputs) = self.two_chunks
        of_steps = inputs, mask, is_first, of_outputs
        inputs, mask, is_first, of_outputs = steps(of_steps, slice(NUM_STEPS))
        weights = of_carry, of_outputs
        return Arguments(params, carry, inputs, mask, is_first, weights)

    def with_marks(self, *names: str) -> Arguments:
        """Returns the arguments of a run with these marks alone."""
        none = np.zeros((NUM_STEPS, BATCH_SIZE), bool)
        others = {"mask": ~none, "is_first": none}
        others = {name: x for name, x in others.items() if name not in names}
        return self.arguments._replace(**others)

    @functools.cached_property
    def run(self) -> Callable:
        """Returns the program that most contracts are about."""
        return compiled(run_with_gradients, self.cell, scan, False)

    @functools.cached_property
    def run_hoisted(self) -> Callable:
        """Returns the program of the default engine."""
        return compiled(run_with_gradients, self.cell, hoisted, False)

    @functools.cached_property
    def run_under_vmap(self) -> Callable:
        """Returns the program of the sequences under `jax.vmap`."""
        return compiled(run_under_vmap, self.cell, scan)
