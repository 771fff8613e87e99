"""The real-gated linear recurrent unit against its paper."""

import jax
import numpy as np
import pytest

from rnnjax.cells.rg_lru import rg_lru
from rnnjax.unroll import unroll
from tests.cells.paper import D, T, equals_paper, initial, sigmoid


@equals_paper(rg_lru, {}, {"num_blocks": 3}, hidden_size=6, input_size=6)
def test_equals_paper(params, h, x, num_blocks=1):
    """De et al. 2024, equations 1 to 4; a block sees its own inputs alone."""
    blocks = np.split(params["kernel"], 2 * num_blocks, -1)
    seen = np.split(x, num_blocks, -1) * 2
    pre = np.concatenate([own @ block for own, block in zip(seen, blocks)], -1)
    r, i = np.split(sigmoid(pre + params["bias"]), 2, -1)
    a = np.exp(-8 * np.log1p(np.exp(params["decay"])) * r)
    return a * h + np.sqrt(1 - a**2) * (i * x)


@pytest.mark.parametrize(("name", "value"), [("bias", -200.0), ("decay", -120.0)])
def test_unit_that_never_forgets_has_a_gradient(name, value):
    """Where a is 1 in float32, the root of 1 - a² has no derivative of its own."""
    cell = rg_lru(D)
    params = initial(cell)
    params[name] = np.full(params[name].shape, value, np.float32)

    def total(params):
        return unroll(cell, params, np.ones((T, D), np.float32))[1].sum()

    value, grads = jax.jit(jax.value_and_grad(total))(params)
    assert value == 0
    assert not any(np.any(grad) for grad in jax.tree.leaves(grads))


def test_decays_start_near_one():
    decay = initial(rg_lru(500), 500)["decay"]
    a = np.exp(-8 * np.log1p(np.exp(decay)))
    assert 0.9 < a.min() < 0.91 and 0.99 < a.max() < 0.999
