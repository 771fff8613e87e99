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


def first_update(optimizer):
    params, grads = jnp.zeros(2), jnp.array([3.0, -4.0])
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    return np.asarray(updates)


def test_flags_join_a_configuration_and_keep_what_is_not_declared_again():
    config = Config(optimizer="sgd")
    assert (config.learning_rate, config.max_norm) == (0.5, 1.0)
    assert metadata(Config, "learning_rate")["minimum"] == 0
    with pytest.raises(ValueError, match="max_norm must be at least 0, got -1"):
        Config(max_norm=-1.0)
    with pytest.raises(ValueError, match="adam, rmsprop or sgd, got 'lamb'"):
        optimizers.make_rule("lamb", 0.5)


RATE = 0.5
PLAIN = {"optimizer": "sgd", "max_norm": None}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, [-1.5, 2.0]),
        ({"max_norm": 1.0}, [-0.3, 0.4]),
        ({"max_value": 3.0}, [-1.5, 1.5]),
        ({"max_value": 3.0, "max_norm": 2**0.5}, [-RATE, RATE]),  # by value first
    ],
)
def test_gradients_are_clipped_by_value_then_by_norm(flags, expected):
    update = first_update(optimizers.make_optimizer(Config(**PLAIN | flags)))
    np.testing.assert_allclose(update, expected, 1e-6)


def test_other_rules_and_the_decay_by_epochs():
    for name, step in {"adam": RATE, "rmsprop": RATE / 0.3**0.5}.items():
        update = first_update(optimizers.make_rule(name, RATE, rms_decay=0.7))
        np.testing.assert_allclose(update, [-step, step], 1e-5)
    config = Config(**PLAIN, decay_rate=0.1)
    update = first_update(optimizers.make_decaying_optimizer(config, 7))
    np.testing.assert_allclose(update, [-0.15, 0.2], 1e-6)


@dataclasses.dataclass(frozen=True)
class Falling(TrainingConfig, optimizers.CosineFlags):
    learning_rate: float = flag(0.5, "learning rate of the first update")


def test_the_rate_falls_along_half_a_cosine():
    config = Falling(**PLAIN, decay_updates=4)
    optimizer = optimizers.make_optimizer(config)
    params, grads = jnp.zeros(2), jnp.array([3.0, -4.0])
    state = optimizer.init(params)
    for share in (0, 1 / 4, 1 / 2, 3 / 4, 1, 1):
        updates, state = optimizer.update(grads, state, params)
        rate = RATE * (1 + np.cos(np.pi * share)) / 2
        np.testing.assert_allclose(updates, [-3 * rate, 4 * rate], 1e-6, 1e-6)
    update = first_update(optimizers.make_optimizer(Falling(**PLAIN)))
    np.testing.assert_allclose(update, [-1.5, 2.0], 1e-6)
