"""One compiled program a cell gives what the contracts of trees compare."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.trees import unroll_trees
from tests.cells import paper
from tests.loop import in_numpy
from tests.pytrees import draw_like
from tests.trees.registry import NUM_NODES

draw_params = functools.partial(paper.draw_params, scale=0.6)


def run_with_gradients(cell, params, trees, inputs, weights):
    """Returns `(values, (of params, of inputs))`, all values weighted."""

    def score(params, inputs):
        values = unroll_trees(cell, params, trees, inputs)
        parts = jax.tree.map(jnp.vdot, values, weights)
        return sum(jax.tree.leaves(parts)), values

    (_, values), grads = jax.value_and_grad(score, (0, 1), has_aux=True)(params, inputs)
    return values, grads


@functools.cache
def program(cell):
    """Compiles `run_with_gradients` of a cell."""
    return in_numpy(functools.partial(run_with_gradients, cell))


def draw_arguments(case, rng, num_nodes=NUM_NODES, dtype=np.float64):
    """Draws parameters, inputs of all nodes, and weights of all that comes out."""
    params = draw_params(rng, case.cell, case.input_size, dtype)
    inputs = rng.normal(size=(num_nodes, case.input_size)).astype(dtype)
    carry = jax.eval_shape(
        lambda params: case.cell.initial_carry(params, (num_nodes,)), params
    )
    outputs = jax.tree.leaves(carry)[0]
    return params, inputs, draw_like(rng, (carry, outputs), dtype, scale=1.0)
