"""`dropout` and `locked_dropout`: rate, scale, and what shares one draw."""

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax import dropout
from rnnjax.layers.dropout import locked_dropout
from tests.pytrees import assert_same_bits
from tests.refusals import refuses

RATE, KEY = 0.3, jax.random.key(0)
INPUTS = np.random.default_rng(0).normal(size=(50, 20, 30)).astype(np.float32)


def check_drawn(zeroed, near):
    """Checks the rate, and that neighbours agree as often as independent draws do."""
    deviation = np.sqrt(RATE * (1 - RATE) / zeroed.size)
    assert abs(zeroed.mean() - RATE) < 5 * deviation
    agreement = RATE**2 + (1 - RATE) ** 2
    for axis in range(zeroed.ndim):
        first, second = (np.delete(zeroed, end, axis=axis) for end in (-1, 0))
        assert abs((first == second).mean() - agreement) < near


def test_every_entry_is_zeroed_or_scaled_by_itself():
    """And its gradient with it."""

    def run(inputs):
        outputs = dropout(RATE).apply({}, None, inputs, key=KEY)[1]
        return outputs.sum(), outputs

    gradient, outputs = jax.jit(jax.grad(run, has_aux=True))(INPUTS)
    zeroed = np.asarray(outputs) == 0
    check_drawn(zeroed, 0.02)
    scale = np.where(zeroed, 0, np.float32(1 / (1 - RATE)))
    np.testing.assert_allclose(outputs, INPUTS * scale, rtol=1e-6)
    np.testing.assert_allclose(gradient, scale, rtol=1e-6)


def test_locked_mask_is_the_same_at_every_step():
    inputs = np.random.default_rng(0).normal(size=(5, 40, 50)).astype(np.float32)
    _, outputs = locked_dropout(RATE).apply({}, None, inputs, key=KEY)
    scale = np.asarray(outputs) / inputs
    zeroed = scale[0] == 0
    check_drawn(zeroed, 0.05)
    want = np.where(zeroed, 0, 1 / (1 - RATE))
    np.testing.assert_allclose(scale, np.broadcast_to(want, scale.shape), rtol=1e-5)


def test_no_key_or_no_rate_changes_nothing():
    for rate, key in ((RATE, None), (0.0, KEY)):
        carry, outputs = dropout(rate).apply({}, None, INPUTS, key=key)
        assert_same_bits(outputs, INPUTS)
        assert carry == 50 and carry.dtype == jnp.int32
        locked = locked_dropout(rate).apply({}, None, INPUTS, key=key)
        assert_same_bits(locked, ((), INPUTS))


test_rates_below_one_are_asked_for = refuses(
    *(
        (make, rate, "rate must be from 0 to less than 1, got")
        for make in (dropout, locked_dropout)
        for rate in (-0.1, 1.0, 1.5, np.nan)
    )
)


def test_clock_runs_on_masked_steps_and_over_resets():
    mask = np.array([True, False, True])
    inputs = np.ones((3, 2), np.float32)
    carry, _ = dropout(RATE).apply({}, 4, inputs, mask=mask, is_first=mask)
    assert carry == 7
