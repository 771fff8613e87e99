"""Penalties on activations, against loops in NumPy."""

import jax
import numpy as np
import pytest

from rnnjax.regularizers import (
    activation_penalty,
    norm_stabilizer,
    temporal_activation_penalty,
)
from tests.differences import difference_gradient
from tests.pytrees import assert_close

T, B, H = 7, 3, 5
PENALTIES = {
    activation_penalty: lambda now, before: (now**2).mean(),
    temporal_activation_penalty: lambda now, before: ((now - before) ** 2).mean(),
    norm_stabilizer: lambda now, before: (
        (np.linalg.norm(now) - np.linalg.norm(before)) ** 2
    ),
}
every_penalty = pytest.mark.parametrize(
    "penalty", PENALTIES, ids=lambda penalty: penalty.__name__
)


def draw():
    rng = np.random.default_rng(0)
    return rng.normal(size=(T, B, H)), rng.random((T, B)) < 0.7


def in_loops(penalty, outputs, mask):
    values = []
    for t, b in np.argwhere(mask):
        if penalty is activation_penalty or (t and mask[t - 1, b]):
            values.append(PENALTIES[penalty](outputs[t, b], outputs[t - 1, b]))
    return np.mean(values)


@every_penalty
def test_values_and_gradients(penalty, x64):
    outputs, mask = draw()
    of_outputs = jax.jit(jax.value_and_grad(penalty))
    everywhere = np.ones_like(mask)
    for own, marks in ((None, everywhere), (mask, mask)):
        value, grad = of_outputs(outputs, own)

        def by_loops(arrays):
            return in_loops(penalty, arrays["outputs"], marks)  # noqa: B023

        np.testing.assert_allclose(value, in_loops(penalty, outputs, marks), rtol=1e-12)
        want = difference_gradient(by_loops, {"outputs": outputs})["outputs"]
        assert_close(grad, want, 1e-8)


@every_penalty
def test_what_fills_the_padding_changes_no_bit(penalty):
    outputs, mask = draw()
    mask[:, 0] = False
    of_outputs = jax.jit(jax.value_and_grad(penalty))
    want = of_outputs(np.where(mask[..., None], outputs, 0.0), mask)
    got = of_outputs(np.where(mask[..., None], outputs, np.nan), mask)
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1])
    assert np.isfinite(got[1]).all() and got[0] > 0


@every_penalty
def test_nothing_costs_nothing(penalty):
    zeros = np.zeros((T, B, H), np.float32)
    for mask in (None, np.zeros((T, B), bool)):
        value, grad = jax.jit(jax.value_and_grad(penalty))(zeros, mask)
        assert value == 0
        np.testing.assert_array_equal(grad, zeros)
    with pytest.raises(ValueError, match="mask must be bool"):
        penalty(zeros, np.ones((T, B + 1), bool))
