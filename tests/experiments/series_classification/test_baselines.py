"""The baselines, against plain NumPy."""

import numpy as np

from experiments.series_classification import baselines
from experiments.series_classification.batches import Encoded

RNG = np.random.default_rng(0)


def test_the_most_frequent_label():
    targets = [np.array([2, 1]), np.array([1, 2, 0])]
    assert baselines.most_frequent(Encoded([], targets)) == 1  # as frequent as 2


def test_what_is_read_of_a_series_and_of_a_step():
    values = RNG.normal(size=(4, 2))
    row = baselines.describe(values, by_step=False)
    expected = [*values.mean(axis=0), *values.std(axis=0), 1]
    np.testing.assert_allclose(row, [expected])
    rows = baselines.describe(values, by_step=True)
    assert rows.shape == (4, 15 * 2 + 1)
    for step in range(4):
        for offset in range(-7, 8):
            near = step + offset
            found = rows[step, 2 * (offset + 7) : 2 * (offset + 8)]
            expected = values[near] if 0 <= near < 4 else [0, 0]
            np.testing.assert_array_equal(found, expected)


def make(number, by_step):
    values = [RNG.normal(size=(length, 3)) for length in RNG.integers(3, 9, number)]
    if by_step:
        targets = [
            (one[:, 0] + np.roll(one[:, 1], 1) > 0).astype(int) for one in values
        ]
    else:
        targets = [np.array([int(one[:, 2].mean() > 0)]) for one in values]
    return Encoded(values, targets)


def test_least_squares():
    for by_step in (False, True):
        train, validation = make(80, by_step), make(30, by_step)
        linear = baselines.fit_linear(train, validation, 2, by_step)
        rows = np.concatenate([baselines.describe(v, by_step) for v in train.values])
        ones = np.eye(2)[np.concatenate(train.targets)]
        square = rows.T @ rows
        unit = np.eye(len(square)) * np.trace(square) / len(square)
        unit[-1, -1] = 0
        right, candidates = [], []
        for penalty in baselines.PENALTIES:
            weights = np.linalg.solve(square + penalty * unit, rows.T @ ones)
            candidates.append(weights)
            near = baselines.Linear(weights, by_step).predict(validation.values)
            right.append(
                (np.concatenate(near) == np.concatenate(validation.targets)).mean()
            )
        found = linear.predict(validation.values)
        share = (np.concatenate(found) == np.concatenate(validation.targets)).mean()
        assert share == max(right) > 0.8
        best = candidates[right.index(max(right))]
        np.testing.assert_allclose(linear.weights, best, rtol=1e-6, atol=1e-8)
