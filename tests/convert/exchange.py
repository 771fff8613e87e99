"""What the tests of all converters share."""

import jax
import numpy as np
import pytest

from rnnjax import lengths_to_mask, unroll
from tests.pytrees import draw_like

T, B, D, H = 7, 3, 2, 5
LENGTHS = np.array([4, T, 1])


def draw_params(cell, seed=0, input_size=D, dtype=np.float32):
    """Draws a cell's parameters; the first number of each is -0.0."""
    shapes = jax.eval_shape(lambda: cell.init(jax.random.key(0), input_size))
    params = draw_like(np.random.default_rng(seed), shapes, dtype)
    for x in jax.tree.leaves(params):
        x[(0,) * x.ndim] = -0.0
    return params


def draw_inputs(seed=1):
    return np.random.default_rng(seed).normal(size=(T, B, D)).astype(np.float32)


def outputs_of(cell, params, inputs, lengths=None):
    """Returns the last carry and the outputs."""
    mask = None if lengths is None else lengths_to_mask(lengths, T)
    run = jax.jit(lambda *args: unroll(cell, *args, mask=mask))
    return jax.tree.map(np.asarray, run(params, inputs))


def message_of(function, *args, **options):
    """Returns what a ValueError says."""
    with pytest.raises(ValueError) as error:
        function(*args, **options)
    return str(error.value)
