"""The bivariate mixture against the textbook's form in float64, at many deviations."""

import functools

import jax
import numpy as np
import pytest
from scipy import special

from rnnjax.losses import bivariate_normal, graves_mixture, mixture

K, NUM = 3, 400


def textbook(outputs, targets):
    """Log-probabilities and gradients of Graves (2013), equations 23 to 37, float64."""
    logits, rest = outputs[:, :K], outputs[:, K : 6 * K].reshape(-1, K, 5)
    log_weights = special.log_softmax(logits, axis=-1)
    loc, sigma, rho = rest[..., :2], np.exp(rest[..., 2:4]), np.tanh(rest[..., 4])
    x, y = np.moveaxis((targets[:, None, :2] - loc) / sigma, -1, 0)
    c = 1 / (1 - rho**2)
    z = x**2 + y**2 - 2 * rho * x * y
    norm = 2 * np.pi * sigma.prod(-1) * np.sqrt(1 - rho**2)
    own = log_weights - z * c / 2 - np.log(norm)
    total = special.logsumexp(own, axis=-1, keepdims=True)
    pen = special.expit(outputs[:, -1])
    of_bit = np.where(targets[:, 2] == 1, pen, 1 - pen)
    first = c * (x - rho * y) / sigma[..., 0]
    second = c * (y - rho * x) / sigma[..., 1]
    spread = c * x * (x - rho * y) - 1, c * y * (y - rho * x) - 1
    pull = x * y + rho * (1 - c * z)
    share = np.exp(own - total)
    steps = np.stack([first, second, *spread, pull], axis=-1) * share[..., None]
    gradient = np.concatenate(
        [
            share - np.exp(log_weights),
            steps.reshape(len(outputs), -1),
            (targets[:, 2] - pen)[:, None],
        ],
        axis=-1,
    )
    return total[:, 0] + np.log(of_bit), gradient


@functools.partial(jax.jit, static_argnums=0)
def value_and_gradient(density, outputs, targets):
    def total(outputs):
        log_probs = density.log_prob(density.params(outputs), targets)
        return log_probs.sum(), log_probs

    gradient, log_probs = jax.grad(total, has_aux=True)(outputs)
    return log_probs, gradient


def draw_cases(deviations, most_r):
    """Components of like spread, targets up to so many deviations from the first."""
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(NUM, 6 * K + 1))
    own = outputs[:, K : 6 * K].reshape(NUM, K, 5)
    own[..., 2:4] *= 0.3
    own[..., 4] = rng.uniform(-most_r, most_r, (NUM, K))
    angle, radius = rng.uniform(0, 2 * np.pi, NUM), rng.uniform(0, deviations, NUM)
    away = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    targets = own[:, 0, :2] + np.exp(own[:, 0, 2:4]) * away
    bits = rng.integers(2, size=(NUM, 1))
    return outputs, np.concatenate([targets, bits], axis=-1)


def deviations(got, want):
    """How far each case is off, relative to its largest entry above 1."""
    got, want = np.float64(got).reshape(NUM, -1), want.reshape(NUM, -1)
    size = np.maximum(1, np.abs(want).max(axis=-1))
    return np.abs(got - want).max(axis=-1) / size


def far(got, want):
    """The largest of the deviations."""
    return deviations(got, want).max()


def deviations_by_rounding(outputs, targets):
    """How far half a unit in the last place of all inputs moves value and gradient."""
    rng, exact, moved = np.random.default_rng(1), textbook(outputs, targets), []
    for _ in range(8):
        near = [
            x + rng.choice([-0.5, 0.5], x.shape) * np.spacing(np.abs(np.float32(x)))
            for x in (outputs, targets[:, :2])
        ]
        inputs = near[0], np.concatenate([near[1], targets[:, 2:]], axis=-1)
        moved.append([deviations(*x) for x in zip(textbook(*inputs), exact)])
    return np.max(moved, axis=0)


def test_equals_the_textbook_in_float64(x64):
    outputs, targets = draw_cases(12, 4.0)
    log_probs, gradient = value_and_gradient(graves_mixture(K), outputs, targets)
    want_log_probs, want_gradient = textbook(outputs, targets)
    assert far(log_probs, want_log_probs) < 1e-10
    assert far(gradient, want_gradient) < 1e-10


def test_float32_is_right_up_to_twelve_deviations():
    """With correlations up to 0.96."""
    outputs, targets = (np.float32(x) for x in draw_cases(12, 2.0))
    log_probs, gradient = value_and_gradient(graves_mixture(K), outputs, targets)
    want_log_probs, want_gradient = textbook(np.float64(outputs), np.float64(targets))
    assert far(log_probs, want_log_probs) < 1e-6
    assert far(gradient, want_gradient) < 1e-5


@pytest.mark.parametrize("most_r", [4.0, 8.0])
def test_nearer_a_correlation_of_one_only_the_rounding_of_inputs_weighs(most_r):
    """Where float32 is farther off, so is the exact gradient of rounded inputs."""
    outputs, targets = (np.float32(x) for x in draw_cases(12, most_r))
    got = value_and_gradient(graves_mixture(K), outputs, targets)
    exact = np.float64(outputs), np.float64(targets)
    rows = zip(got, textbook(*exact), deviations_by_rounding(*exact), (1e-6, 1e-5))
    for own, want, by_rounding, tolerance in rows:
        assert (deviations(own, want) <= np.maximum(tolerance, 2 * by_rounding)).all()


def test_the_gradient_at_ten_deviations_is_ten():
    """Where log(density + 1e-6) has a gradient of 3e-16."""
    density = mixture(bivariate_normal(), 1)
    outputs = np.zeros((3, 6), np.float32)
    targets = np.float32([[6, 0], [10, 0], [1000, 0]])
    _, gradient = value_and_gradient(density, outputs, targets)
    np.testing.assert_allclose(gradient[:, 1], targets[:, 0], rtol=1e-6)
    np.testing.assert_allclose(gradient[:, 3], targets[:, 0] ** 2 - 1, rtol=1e-6)


def test_clips_have_no_gradient_beyond():
    density = bivariate_normal()
    outputs = np.float32([[0, 0, 12, -12, 9], [0, 0, 1, 1, 7.9], [2e30, 0, 0, 0, -9]])
    params = density.params(outputs)
    assert params.log_scale[0].tolist() == [10, -10]
    assert params.atanh_correlation.tolist() == [8, np.float32(7.9), -8]
    _, gradient = value_and_gradient(density, outputs, np.ones((3, 2), np.float32))
    clipped = [[0, 0, 1, 1, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 1]]
    assert ((np.asarray(gradient) == 0) >= np.array(clipped, bool)).all()
    assert (gradient[1, 2:] != 0).all()
