"""One compiled program a cell gives what the contracts of trees compare."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.trees import unroll_trees
from tests.loop import in_numpy
from tests.pytrees import draw_like
from tests.trees.registry import NUM_NODES


@functools.cache
def program(cell):
    """Compiles values and gradients `(values, (of params, of inputs))` of a cell."""

    def run(params, trees, inputs, weights):
        def score(params, inputs):
            values = unroll_trees(cell, params, trees, inputs)
            pairs = zip(jax.tree.leaves(values), jax.tree.leaves(weights))
            return sum(jnp.vdot(x, weight) for x, weight in pairs), values

        (_, values), grads = jax.value_and_grad(score, (0, 1), has_aux=True)(
            params, inputs
        )
        return values, grads

    return in_numpy(run)


def draw_arguments(case, rng, num_nodes=NUM_NODES, dtype=np.float64):
    """Draws parameters, inputs of all nodes, and weights of all that comes out."""
    params = draw_params(rng, case.cell, case.input_size, dtype)
    inputs = rng.normal(size=(num_nodes, case.input_size)).astype(dtype)
    return params, inputs, draw_weights(case, rng, params, num_nodes, dtype)


def draw_weights(case, rng, params, num_nodes=NUM_NODES, dtype=np.float64):
    carry = jax.eval_shape(
        lambda params: case.cell.initial_carry(params, (num_nodes,)), params
    )
    outputs = jax.tree.leaves(carry)[0]
    return draw_like(rng, (carry, outputs), dtype, scale=1.0)


def draw_params(rng, cell, input_size, dtype=np.float64):
    shapes = jax.eval_shape(lambda key: cell.init(key, input_size), jax.random.key(0))
    return draw_like(rng, shapes, dtype, scale=0.6)
