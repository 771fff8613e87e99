"""The grid of settings, and the statistics of success."""

import math

import jax
import numpy as np
import pytest

from experiments.memory_tasks.grid import Hyperparameters, grid_points, make_settings
from experiments.memory_tasks.success import wilson_interval

BASE = Hyperparameters(0.01, 1.0, 4.0)


def test_wilson_interval():
    """Its ends solve (p̂ - p)² = z² p (1 - p) / n."""
    for successes, trials in ((3, 5), (0, 5), (5, 5), (17, 40)):
        share = successes / trials
        for end in wilson_interval(successes, trials):
            assert abs((share - end) ** 2 - 1.96**2 * end * (1 - end) / trials) < 1e-12
    low, high = wilson_interval(5, 5)
    assert high == 1 and abs(low - 5 / (5 + 1.96**2)) < 1e-12
    with pytest.raises(ValueError, match="must be from 0 to num_trials.*got 6 of 5"):
        wilson_interval(6, 5)


def test_a_grid_is_all_combinations_of_all_seeds():
    points = grid_points(BASE, ["learning_rate=0.1,0.2", "max_norm=1,inf"])
    assert [(x.learning_rate, x.max_norm) for x in points] == [
        *((0.1, 1), (0.1, math.inf), (0.2, 1), (0.2, math.inf))
    ]
    settings = make_settings(points, 3, seed=0)
    rates = settings.hyperparameters.learning_rate
    np.testing.assert_allclose(rates, np.repeat([0.1, 0.2], 6))
    keys = np.asarray(jax.random.key_data(settings.data_key))
    np.testing.assert_array_equal(keys[:3], keys[9:])
    few = make_settings(points[:1], 2, seed=0)
    np.testing.assert_array_equal(jax.random.key_data(few.data_key), keys[:2])
    init_keys = np.asarray(jax.random.key_data(settings.init_key))
    both = np.concatenate([keys[:3], init_keys[:3]])
    assert len(np.unique(both, axis=0)) == 6
    for grid, message in {
        "learning_rat=1": "grid must be learning_rate, got 'learning_rat'",
        "colour=1": "of learning_rate, max_norm, penalty_weight, got 'colour'",
    }.items():
        with pytest.raises(ValueError, match=message):
            grid_points(BASE, [grid])
