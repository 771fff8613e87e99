"""The sLSTM against its equations without the stabilizer, and at any scale."""

import jax
import numpy as np

from rnnjax.cells.slstm import slstm
from rnnjax.unroll import unroll
from tests.cells.paper import (
    B,
    affine,
    by_gate,
    draw,
    equals_paper,
    initial,
    over_time,
    sigmoid,
)
from tests.loop import in_numpy
from tests.pytrees import assert_close

H = 6  # of heads of 2


def block_diagonal(recurrent_kernel, num_heads):
    """Makes every gate's `[H, H]` matrix, zeros where a head sees another."""
    size = H // num_heads
    W = {name: np.zeros((H, H)) for name in "ifzo"}
    for head, block in enumerate(np.split(recurrent_kernel, num_heads, axis=-1)):
        own = slice(head * size, (head + 1) * size)
        for name, matrix in by_gate(block, "ifzo").items():
            W[name][own, own] = matrix
    return W


def step_of_paper(params, h, c, n, m, x, num_heads=1, exponential_forget=False):
    """Equations 8 to 14, exponentials and all; m is only what the cell stores."""
    U = affine(params, x, "ifzo")
    W = block_diagonal(params["recurrent_kernel"], num_heads)
    pre = {name: U[name] + h @ W[name] for name in "ifzo"}
    c, n = c * np.exp(m), n * np.exp(m)
    i = np.exp(pre["i"])
    f = np.exp(pre["f"]) if exponential_forget else sigmoid(pre["f"])
    m = np.where(n == 0, pre["i"], np.maximum(np.log(f) + m, pre["i"]))
    c = f * c + i * np.tanh(pre["z"])
    n = f * n + i
    return sigmoid(pre["o"]) * c / n, c * np.exp(-m), n * np.exp(-m), m


test_equals_paper = equals_paper(
    slstm,
    {},
    {"num_heads": 3},
    {"num_heads": 2, "exponential_forget": True},
    hidden_size=H,
)(step_of_paper)


def test_the_first_steps_are_right_at_any_scale(x64):
    """The initial carry is of no scale: h is exact however large ĩ is from there."""
    cell = slstm(H)
    run = in_numpy(lambda params, inputs: unroll(cell, params, inputs))
    for shift in (-400.0, -30.0, 0.0, 30.0, 400.0):
        params, inputs = draw(cell, 0, scale=1.0)
        params["bias"][:H] += shift
        carry, got = run(params, inputs)
        zeros = [np.zeros((B, H)) for _ in carry]
        (_, c, n, m), want = over_time(step_of_paper)(params, zeros, inputs)
        assert_close(got, want, 1e-12)
        assert_close([carry.c, carry.n, carry.m], [c, n, m], 1e-12)


def test_where_exponentials_overflow_there_is_still_a_mean(x64):
    """Gates of e±3000: h stays a weighted mean of tanh's, its gradient finite."""
    cell = slstm(H, exponential_forget=True)
    params, inputs = jax.tree.map(np.float32, draw(cell, 1, scale=1.0))

    def total(params):
        carry, outputs = unroll(cell, params, 1000 * inputs)
        return outputs.sum(), (carry, outputs)

    grads, (carry, outputs) = jax.jit(jax.grad(total, has_aux=True))(params)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves((grads, carry)))
    assert np.abs(carry.m).max() > 1000
    assert 0.1 < np.abs(outputs).max() <= 1 + 1e-6


def test_every_matrix_of_every_head_is_orthogonal():
    recurrent = initial(slstm(H, num_heads=2))["recurrent_kernel"]
    blocks = np.split(np.asarray(recurrent), 8, axis=1)
    for block in blocks:
        np.testing.assert_allclose(block.T @ block, np.eye(H // 2), atol=1e-5)
    for first, second in zip(blocks, blocks[1:]):
        assert not np.allclose(first, second, atol=0.1)
