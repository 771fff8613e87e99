"""Predictions in the unit of the data, against scipy's distributions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from rnnjax.losses import bivariate_normal, mixture, negative_binomial, normal
from rnnjax.losses.location_scale import student_t
from rnnjax.losses.predictions import (
    Prediction,
    num_outputs,
    prediction_loss,
    prediction_quantiles,
    sample_prediction,
)
from tests.pytrees import assert_close

RNG = np.random.default_rng(0)
PROBABILITIES = np.array([0.05, 0.5, 0.8])
CENTER, SCALE = RNG.normal(size=(3, 2)), RNG.uniform(0.5, 3, size=(3, 2))
Y = CENTER + SCALE * RNG.normal(size=(3, 2))


def softplus(x):
    return np.log1p(np.exp(x))


def scipy_normal(outputs):
    loc, log_scale = np.moveaxis(outputs, -1, 0)
    return stats.norm(CENTER + SCALE * loc, SCALE * np.exp(log_scale))


def scipy_student_t(outputs):
    loc, log_scale, raw = np.moveaxis(outputs, -1, 0)
    scale = SCALE * np.exp(log_scale)
    return stats.t(2 + softplus(raw), CENTER + SCALE * loc, scale)


@pytest.mark.parametrize(
    ("density", "known"), [(normal(), scipy_normal), (student_t(), scipy_student_t)]
)
def test_densities_are_those_of_the_unit_of_the_data(x64, density, known):
    outputs = RNG.normal(size=(3, 2, density.num_outputs))
    prediction = Prediction(outputs, CENTER, SCALE)
    truth = known(outputs)
    loss = prediction_loss(density, prediction, jnp.asarray(Y))
    assert_close(loss, -truth.logpdf(Y), 1e-11)
    quantiles = prediction_quantiles(density, prediction, PROBABILITIES)
    assert_close(quantiles, truth.ppf(PROBABILITIES[:, None, None]), 1e-6)
    keys = jax.random.split(jax.random.key(0), 4000)
    drawn = jax.vmap(lambda key: sample_prediction(density, key, prediction))(keys)
    shares = (np.asarray(drawn) <= truth.ppf(0.7)).mean(axis=0)
    np.testing.assert_allclose(shares, 0.7, atol=0.04)


def test_counts_have_a_scaled_mean(x64):
    density = negative_binomial()
    outputs = RNG.normal(size=(3, 2, 2))
    mean, dispersion = SCALE * softplus(outputs[..., 0]), softplus(outputs[..., 1])
    n = 1 / dispersion
    truth = stats.nbinom(n, n / (n + mean))
    prediction = Prediction(outputs, np.zeros((3, 2)), SCALE)
    counts = RNG.integers(7, size=(3, 2))
    loss = prediction_loss(density, prediction, jnp.asarray(counts))
    assert_close(loss, -truth.logpmf(counts), 1e-11)
    quantiles = prediction_quantiles(density, prediction, PROBABILITIES)
    np.testing.assert_array_equal(quantiles, truth.ppf(PROBABILITIES[:, None, None]))
    drawn = sample_prediction(density, jax.random.key(0), prediction)
    np.testing.assert_array_equal(drawn, np.round(drawn))


def test_a_value_without_a_density(x64):
    outputs = RNG.normal(size=(3, 2, 1))
    prediction = Prediction(jnp.asarray(outputs), CENTER, SCALE)
    value = CENTER + SCALE * outputs[..., 0]
    loss = prediction_loss(None, prediction, Y)
    assert_close(loss, np.abs(Y - value) / SCALE, 1e-14)
    assert_close(sample_prediction(None, jax.random.key(0), prediction), value, 1e-14)
    quantiles = prediction_quantiles(None, prediction, PROBABILITIES)
    assert_close(quantiles, np.stack([value] * 3), 1e-14)


def test_only_numbers_with_quantiles_are_predicted():
    assert num_outputs(mixture(normal(), 3)) == 9 and num_outputs(None) == 1
    with pytest.raises(ValueError, match="density must be one of numbers"):
        num_outputs(bivariate_normal())
