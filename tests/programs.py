"""One compiled program a cell and engine gives what the contracts compare."""

import functools

import jax
import numpy as np

from rnnjax import hoisted
from rnnjax.base import cached
from rnnjax.checks.runs import Arguments, run_with_gradients
from rnnjax.unroll import unroll
from tests.loop import in_numpy
from tests.pytrees import draw_like

T, B = 7, 3


def program(case, engine_case, reverse=False):
    """Compiles `run_with_gradients` of a cell and an engine.

    What the ordinary run takes through all contracts is, on the default engine, the
    optimized program: bits are compared as users get them.
    """
    engine = engine_case.engine
    return _program(case.cell, engine, reverse, case.every_engine and engine is hoisted)


@cached
def _program(cell, engine, reverse, optimized):
    run = functools.partial(run_with_gradients, cell, engine, reverse)
    return in_numpy(run, optimized)


def draw_arguments(case, rng, leading=(T, B), dtype=np.float64):
    """Draws the arguments of a run; masks have gaps, `is_first` falls on them too.

    Args:
      case: the entry of a cell.
      rng: source of randomness.
      leading: `(num_steps, *batch_shape)`.
      dtype: of all floating leaves.
    """
    params, results = shapes(case, leading)
    return draw_like_these(case, rng, leading, dtype, params, results[0], results)


def draw_like_these(case, rng, leading, dtype, params, carry, weighted):
    """Draws arguments, given the shapes of all that depends on the cell or layer."""
    return Arguments(
        *draw_like(rng, (params, carry), dtype),
        draw_inputs(case, rng, leading, dtype),
        rng.random(leading) < 0.7,
        rng.random(leading) < 0.3,
        draw_like(rng, weighted, dtype, scale=1.0),
    )


def draw_inputs(case, rng, leading, dtype):
    inputs = case.draw(rng, leading, case.input_size)
    return jax.tree.map(
        lambda x: x.astype(dtype) if x.dtype == np.float64 else x, inputs
    )


@functools.cache
def shapes(case, leading):
    """Returns the shapes of a cell's parameters, and of its carry and outputs."""
    inputs = draw_inputs(case, np.random.default_rng(0), leading, np.float32)
    params = jax.eval_shape(
        lambda key: case.cell.init(key, case.input_size), jax.random.key(0)
    )
    run = functools.partial(unroll, case.cell)
    return params, jax.eval_shape(run, params, inputs)


def tolerance(case, engine_case):
    """How far a cell on an engine may be from the loop."""
    return max(engine_case.tolerance, 0.02 if case.rounded else 0)
