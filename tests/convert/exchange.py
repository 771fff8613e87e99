"""What the tests of all converters share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import lengths_to_mask, unroll
from tests.cells.paper import draw_params as draw_float_params
from tests.pytrees import assert_close

T, B, D, H = 7, 3, 2, 5
LENGTHS = np.array([4, T, 1])
MASK = np.arange(T)[:, None] < LENGTHS
INPUTS = np.random.default_rng(1).normal(size=(T, B, D)).astype(np.float32)


def draw_params(cell, seed=0, input_size=D, dtype=np.float32):
    """Draws a cell's parameters; the first number of each is -0.0."""
    rng = np.random.default_rng(seed)
    params = draw_float_params(rng, cell, input_size, dtype, scale=0.4)
    for x in jax.tree.leaves(params):
        x[(0,) * x.ndim] = -0.0
    return params


def assert_computes(cell, params, want, want_leaves, lengths=None):
    """Checks outputs and leaves of the last carry of `INPUTS`, to 1e-6.

    Where `lengths` are given, outputs must be zeros beyond, whatever `want` has there.
    """
    mask = None if lengths is None else lengths_to_mask(lengths, T)
    run = jax.jit(lambda *args: unroll(cell, *args, mask=mask))
    carry, outputs = run(params, INPUTS)
    want = want if mask is None else np.where(mask[..., None], want, 0)
    assert_close((outputs, jax.tree.leaves(carry)), (want, want_leaves), 1e-6)


def stack_carries(carry):
    """Stacks what layers and their directions carry: h, and c where there is one."""
    cells = [
        cell
        for own in carry
        for cell in ((own["forward"], own["backward"]) if type(own) is dict else (own,))
    ]
    return [jnp.stack(x) for x in zip(*map(jax.tree.leaves, cells))]


def message_of(function, *args, **options):
    """Returns what a ValueError says."""
    with pytest.raises(ValueError) as error:
        function(*args, **options)
    return str(error.value)
