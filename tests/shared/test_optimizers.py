"""Optimizers from flags, against their formulas in NumPy."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.harness import TrainingConfig, flag
from experiments.harness.config import metadata
from experiments.shared import optimizers


@dataclasses.dataclass(frozen=True)
class Config(TrainingConfig, optimizers.EpochDecayFlags):
    learning_rate: float = flag(0.5, "learning rate of the first epochs")


def first_update(optimizer, grads):
    params = jnp.zeros(len(grads))
    updates, _ = optimizer.update(jnp.asarray(grads), optimizer.init(params), params)
    return np.asarray(updates)


def test_flags_join_a_configuration_and_keep_what_is_not_declared_again():
    config = Config(optimizer="sgd")
    assert (config.learning_rate, config.max_norm) == (0.5, 1.0)
    assert metadata(Config, "learning_rate")["minimum"] == 0
    with pytest.raises(ValueError, match="max_norm must be at least 0, got -1"):
        Config(max_norm=-1.0)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("sgd", [-1.5, 2.0]),
        ("adam", [-0.5, 0.5]),  # the first update is the sign
        ("rmsprop", [-0.5 / np.sqrt(0.3), 0.5 / np.sqrt(0.3)]),
    ],
)
def test_rules(name, expected):
    optimizer = optimizers.make_rule(name, 0.5, rms_decay=0.7)
    np.testing.assert_allclose(first_update(optimizer, [3.0, -4.0]), expected, 1e-5)


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="adam, rmsprop or sgd, got 'lamb'"):
        optimizers.make_rule("lamb", 0.5)


@pytest.mark.parametrize(
    "max_value, max_norm, expected",
    [
        (None, None, [-1.5, 2.0]),
        (None, 1.0, [-0.3, 0.4]),
        (3.0, None, [-1.5, 1.5]),
        (3.0, 1.0, [-0.5 / np.sqrt(2), 0.5 / np.sqrt(2)]),  # by value first
    ],
)
def test_gradients_are_clipped_by_value_then_by_norm(max_value, max_norm, expected):
    config = Config(optimizer="sgd", max_norm=max_norm, max_value=max_value)
    update = first_update(optimizers.make_optimizer(config), [3.0, -4.0])
    np.testing.assert_allclose(update, expected, 1e-6)


def test_the_rate_decays_by_epochs():
    config = Config(optimizer="sgd", decay_rate=0.1, max_norm=None)
    update = first_update(optimizers.make_decaying_optimizer(config, 7), [1.0])
    np.testing.assert_allclose(update, [-0.05], 1e-6)
