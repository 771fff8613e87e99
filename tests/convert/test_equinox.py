"""Weights from and to Equinox."""

import jax
import numpy as np
import pytest

from rnnjax import gru, lstm
from rnnjax.convert import from_equinox, to_equinox
from tests.convert.exchange import (
    B,
    D,
    H,
    draw_inputs,
    draw_params,
    message_of,
    outputs_of,
)
from tests.pytrees import assert_close, assert_same_bits

of_every_kind = pytest.mark.parametrize("maker", [gru, lstm])
with_and_without_bias = pytest.mark.parametrize("use_bias", [False, True])


@of_every_kind
@with_and_without_bias
def test_round_trip(maker, use_bias):
    params = draw_params(maker(H, use_bias=use_bias))
    assert_same_bits(from_equinox(to_equinox(params, maker), maker), params)


def test_bad_weights():
    weights = to_equinox(draw_params(gru(H)), gru)
    assert message_of(from_equinox, weights, lstm) == (
        "weights must have no names but weight_ih, weight_hh, bias, got bias_n too."
    )
    assert message_of(from_equinox, weights | {"bias_n": np.ones(3 * H)}, gru) == (
        "weights['bias_n'] must be [5], got [15]."
    )
    del weights["bias"]
    assert message_of(from_equinox, weights, gru) == (
        "weights must have bias, got bias_n, weight_hh, weight_ih."
    )


def test_a_reset_before_the_product_is_refused():
    before = draw_params(gru(H, reset_after=False))
    assert message_of(to_equinox, before, gru).startswith(
        "params must be of gru(..., reset_after=True), the form that Equinox's GRU"
    )


@pytest.mark.conformance
@of_every_kind
@with_and_without_bias
def test_equals_equinox(maker, use_bias):
    """Takes the weights from a cell, and gives them back."""
    equinox = pytest.importorskip("equinox")
    make = {gru: equinox.nn.GRUCell, lstm: equinox.nn.LSTMCell}[maker]
    cell = make(D, H, use_bias=use_bias, key=jax.random.key(0))
    weights = {name: x for name, x in vars(cell).items() if equinox.is_array(x)}
    params = from_equinox(weights, maker)
    assert_same_bits(
        to_equinox(params, maker), {n: weights[n] for n in sorted(weights)}
    )

    def step(carry, inputs):
        carry = jax.vmap(cell)(inputs, carry)
        return carry, carry[0] if maker is lstm else carry

    zeros = np.zeros((B, H), np.float32)
    inputs = draw_inputs()
    want_carry, want = jax.lax.scan(
        step, (zeros, zeros) if maker is lstm else zeros, inputs
    )
    carry, outputs = outputs_of(maker(H, use_bias=use_bias), params, inputs)
    got = (outputs, jax.tree.leaves(carry))
    assert_close(got, (want, jax.tree.leaves(want_carry)), 1e-6)
