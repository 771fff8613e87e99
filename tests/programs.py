"""One compiled program a cell and engine gives what the contracts compare."""

import functools

import jax
import numpy as np

from rnnjax.unroll import unroll
from tests.loop import Run
from tests.trees import draw_like, part

T, B = 7, 3


@functools.cache
def program(cell, engine, reverse=False):
    """Compiles `(params, carry, inputs, mask, is_first, weights) -> Run`."""

    @jax.jit
    def run(params, carry, inputs, mask, is_first, weights):
        parts = [part(tree) for tree in (params, carry, inputs)]

        def floating(*floats):
            params, carry, inputs = (
                put_back(fs) for fs, (_, put_back) in zip(floats, parts)
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

        floats = [floats for floats, _ in parts]
        _, pull, (carry, outputs) = jax.vjp(floating, *floats, has_aux=True)
        return Run(carry, outputs, pull(part(weights)[0]))

    return run


def draw_arguments(case, rng, leading=(T, B), dtype=np.float64):
    """Draws (params, carry, inputs, weights) for a `CellCase`.

    Args:
      case: the cell's entry.
      rng: source of randomness.
      leading: `(num_steps, *batch_shape)`.
      dtype: of all floating leaves.
    """
    cell = case.cell
    params = draw_like(rng, abstract_params(case), dtype)
    inputs = jax.tree.map(
        lambda x: x.astype(dtype) if x.dtype == np.float64 else x,
        case.draw(rng, leading, case.input_size),
    )
    shapes = jax.eval_shape(
        lambda params, inputs: unroll(cell, params, inputs), params, inputs
    )
    carry = draw_like(rng, shapes[0], dtype)
    return params, carry, inputs, draw_like(rng, shapes, dtype, scale=1.0)


def abstract_params(case):
    return jax.eval_shape(
        lambda key: case.cell.init(key, case.input_size), jax.random.key(0)
    )


def draw_marks(rng, leading=(T, B)):
    """Draws a mask with gaps and an `is_first` that also falls on masked steps."""
    return rng.random(leading) < 0.7, rng.random(leading) < 0.3
