"""What the LSTM does where its gates are pinned: keeps, erases, captures, releases."""

import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman, lstm
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.cells.wrappers.with_carry import with_carry
from rnnjax.unroll import unroll
from tests.cells.paper import B, H, T, draw, pre_activation
from tests.pytrees import assert_close

OPEN, SHUT = 300.0, -300.0  # biases beyond which a gate is 1 or 0 to the last digit


def run(i=0.0, f=0.0, o=0.0):
    """Runs an LSTM whose gates have these biases.

    Returns:
      The parameters, the inputs, the carry before, every step's c, and the outputs.
    """
    params, inputs = draw(lstm(H), scale=1.0)
    params["bias"][: 2 * H] = np.repeat([i, f], H)
    params["bias"][3 * H :] = o
    first = LSTMCarry(*np.random.default_rng(1).normal(size=(2, B, H)))
    _, shown = unroll(with_carry(lstm(H)), params, inputs, carry=first)
    return params, inputs, first, shown["carry"].c, shown["outputs"]


def plain(params):
    return {name: matrix[..., 2 * H : 3 * H] for name, matrix in params.items()}


def candidates(params, inputs, first, outputs):
    """Computes g of every step from what the cell showed before it."""
    before = np.concatenate([first.h[None], outputs[:-1]])
    return np.tanh(pre_activation(plain(params), inputs, before))


def test_keeps(x64):
    _, _, first, cs, outputs = run(i=SHUT, f=OPEN)
    assert_close(cs, np.broadcast_to(first.c, cs.shape), 0)
    assert np.abs(outputs[1:] - outputs[:-1]).max() > 0.1  # the output gate still moves


def test_erases(x64):
    _, _, _, cs, outputs = run(i=SHUT, f=SHUT)
    assert_close(cs, np.zeros_like(cs), 1e-100)
    assert_close(outputs, np.zeros_like(outputs), 1e-100)


def test_captures(x64):
    params, inputs, first, cs, outputs = run(i=OPEN, f=SHUT)
    assert_close(cs, candidates(params, inputs, first, outputs), 1e-12)


def test_counts(x64):
    """All gates of c open: it sums up what comes, and may leave [-1, 1]."""
    params, inputs, first, cs, outputs = run(i=OPEN, f=OPEN)
    new = candidates(params, inputs, first, outputs)
    assert_close(cs, first.c + np.cumsum(new, axis=0), 1e-12)
    assert np.abs(cs).max() > 1.5


def test_releases(x64):
    _, _, _, cs, outputs = run(o=OPEN)
    assert_close(outputs, np.tanh(cs), 1e-12)


def test_hides(x64):
    _, _, _, cs, outputs = run(o=SHUT)
    assert_close(outputs, np.zeros_like(outputs), 1e-100)
    assert np.abs(cs).min() > 1e-3


def test_is_a_plain_rnn(x64):
    """It captures and releases at every step: h = tanh(tanh(U x + W h + b))."""
    params, inputs, first, _, outputs = run(i=OPEN, f=SHUT, o=OPEN)
    twice = elman(H, activation=lambda x: jnp.tanh(jnp.tanh(x)))
    want = unroll(twice, plain(params), inputs, carry=first.h)[1]
    assert_close(outputs, want, 1e-12)


def test_without_gates_or_second_tanh_it_is_a_plain_rnn(x64):
    params, inputs, first, _, _ = run(f=SHUT)
    bare = {name: matrix[..., H : 3 * H] for name, matrix in params.items()}
    cell = lstm_variant(H, gates="f", output_activation="identity")
    _, got = unroll(cell, bare, inputs, carry=first)
    _, want = unroll(elman(H), plain(params), inputs, carry=first.h)
    assert_close(got, want, 1e-12)


@pytest.mark.parametrize(("written", "read"), [(1, 5), (0, 6), (3, 3)])
def test_a_value_waits_for_its_reader(x64, written, read):
    """The inputs are a value and two commands, which open what is shut otherwise."""
    params = {"kernel": np.zeros((3, 4)), "recurrent_kernel": np.zeros((1, 4))}
    params["bias"] = np.array([SHUT, OPEN, 0, SHUT])
    params["kernel"][0, 2] = 1  # the value goes to g
    params["kernel"][1, :2] = 2 * OPEN, 2 * SHUT  # "write" opens i and shuts f
    params["kernel"][2, 3] = 2 * OPEN  # "read" opens o
    inputs, want = np.zeros((T, 3)), np.zeros((T, 1))
    inputs[:, 0] = np.random.default_rng(1).normal(size=T)
    inputs[written, 1] = inputs[read, 2] = 1
    want[read] = np.tanh(np.tanh(inputs[written, 0]))
    assert_close(unroll(lstm(1), params, inputs)[1], want, 1e-12)
