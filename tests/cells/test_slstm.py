"""The sLSTM against its equations without the stabilizer, and its reductions."""

import jax
import numpy as np
import pytest

from rnnjax.cells.slstm import slstm
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, by_gate, check_against_paper, draw, sigmoid
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


def unstabilized(num_heads=1, exponential_forget=False, use_bias=True):
    """Makes the loop of equations 8 to 14, exponentials and all."""

    def run(params, carry, inputs):
        U = by_gate(params["kernel"], "ifzo")
        W = block_diagonal(params["recurrent_kernel"], num_heads)
        b = by_gate(params["bias"], "ifzo") if use_bias else dict.fromkeys("ifzo", 0)
        h, c, n, m = carry
        c, n = c * np.exp(m), n * np.exp(m)
        outputs = []
        for x in inputs:
            pre = {name: x @ U[name] + h @ W[name] + b[name] for name in "ifzo"}
            i = np.exp(pre["i"])
            f = np.exp(pre["f"]) if exponential_forget else sigmoid(pre["f"])
            m = np.where(n == 0, pre["i"], np.maximum(np.log(f) + m, pre["i"]))
            c = f * c + i * np.tanh(pre["z"])
            n = f * n + i
            h = sigmoid(pre["o"]) * c / n
            outputs.append(h)
        return (h, c * np.exp(-m), n * np.exp(-m), m), np.stack(outputs)

    return run


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_heads": 3},
        {"num_heads": 2, "exponential_forget": True, "use_bias": False},
    ],
)
def test_equals_paper(x64, options):
    check_against_paper(slstm(H, **options), unstabilized(**options))


@pytest.mark.parametrize("shift", [-400.0, -30.0, 0.0, 30.0, 400.0])
def test_the_first_steps_are_right_at_any_scale(x64, shift):
    """The initial carry is of no scale: h is exact however large ĩ is from there."""
    cell = slstm(H)
    params, inputs = draw(cell, 0, scale=1.0)
    params["bias"][:H] += shift
    carry, got = unroll(cell, params, inputs)
    zeros = [np.zeros((B, H)) for _ in carry]
    (_, c, n, m), want = unstabilized()(params, zeros, inputs)
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


def test_heads_of_a_block_diagonal_matrix_are_one_head(x64):
    cell = slstm(H, num_heads=2)
    params, inputs = draw(cell, 2, scale=1.0)
    W = block_diagonal(params["recurrent_kernel"], 2)
    whole = params | {"recurrent_kernel": np.concatenate(list(W.values()), axis=-1)}
    want = unroll(slstm(H), whole, inputs)
    assert_close(unroll(cell, params, inputs), want, 1e-12)


def test_every_matrix_of_every_head_is_orthogonal():
    recurrent = slstm(H, num_heads=2).init(jax.random.key(0), D)["recurrent_kernel"]
    blocks = np.split(np.asarray(recurrent), 8, axis=1)
    for block in blocks:
        np.testing.assert_allclose(block.T @ block, np.eye(H // 2), atol=1e-5)
    for first, second in zip(blocks, blocks[1:]):
        assert not np.allclose(first, second, atol=0.1)


def test_heads_must_divide():
    message = "hidden_size must be a multiple of num_heads 4, got 6"
    with pytest.raises(ValueError, match=message):
        slstm(H, num_heads=4)
