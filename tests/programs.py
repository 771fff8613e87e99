"""One compiled program a cell and engine gives what the contracts compare."""

import functools

import jax
import numpy as np

from rnnjax import hoisted
from rnnjax.base import cached
from rnnjax.unroll import unroll
from tests.loop import Run, in_numpy
from tests.pytrees import draw_like, part

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
    def run(*args):
        return run_with_gradients(cell, engine, reverse, *args)

    return in_numpy(run, optimized)


def run_with_gradients(
    cell, engine, reverse, params, carry, inputs, mask, is_first, weights
):
    """Unrolls and goes back from (last carry, outputs), weighted.

    Returns:
      `Run`; what does not float has no gradient, so those are lists of leaves.
    """
    parts = [part(tree) for tree in (params, carry, inputs)]

    def floating(*floats):
        params, carry, inputs = (
            put_back(own) for own, (_, put_back) in zip(floats, parts)
        )
        result = unroll(
            cell,
            params,
            inputs,
            carry=carry,
            mask=mask,
            is_first=is_first,
            reverse=reverse,
            engine=engine,
        )
        return part(result)[0], result

    floats = [own for own, _ in parts]
    _, pull, (carry, outputs) = jax.vjp(floating, *floats, has_aux=True)
    return Run(carry, outputs, pull(part(weights)[0]))


def draw_arguments(case, rng, leading=(T, B), dtype=np.float64):
    """Draws (params, carry, inputs, weights) for a `CellCase`.

    Args:
      case: the cell's entry.
      rng: source of randomness.
      leading: `(num_steps, *batch_shape)`.
      dtype: of all floating leaves.
    """
    inputs = draw_inputs(case, rng, leading, dtype)
    params_shapes, result_shapes = shapes(case, leading)
    params = draw_like(rng, params_shapes, dtype)
    carry = draw_like(rng, result_shapes[0], dtype)
    return params, carry, inputs, draw_like(rng, result_shapes, dtype, scale=1.0)


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


def draw_marks(rng, leading=(T, B)):
    """Draws a mask with gaps and an `is_first` that also falls on masked steps."""
    return rng.random(leading) < 0.7, rng.random(leading) < 0.3


def tolerance(case, engine_case):
    """How far a cell on an engine may be from the loop."""
    return max(engine_case.tolerance, 0.02 if case.rounded else 0)
