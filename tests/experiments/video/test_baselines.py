"""Baselines: shifts by hand, and probabilities counted by hand."""

import numpy as np

from experiments.video.baselines import (
    Calibrated,
    nearest_mean,
    repeat_last,
    shift_on,
)


def test_a_shape_that_moves_is_moved_on():
    clip = np.zeros((1, 5, 6, 8), np.uint8)
    for t in range(5):  # two down and one left per frame, until it leaves
        clip[0, t, max(0, 2 * t - 1) : 2 * t + 1, 6 - t : 8 - t] = 200
    found = shift_on(clip[:, :3], 2)
    np.testing.assert_array_equal(found[0, 0, :, :], np.where(clip[0, 3] > 0, 200, 0))
    assert not found[0, 1].any()
    still = np.repeat(clip[:, 2:3], 3, axis=1)
    np.testing.assert_array_equal(shift_on(still, 2), repeat_last(still, 2))


def test_probabilities_are_counted_per_frame_and_level():
    inputs = np.zeros((2, 3, 1, 2), np.uint8)
    inputs[:, -1] = [[[255, 0]], [[255, 7]]]  # 0 and 7 are one level
    targets = np.zeros((2, 2, 1, 2), np.uint8)
    targets[:, 0] = [[[255, 0]], [[51, 255]]]
    baseline = Calibrated(repeat_last, inputs, targets)
    p = baseline(inputs[:1])
    # (sum + 1) / (count + 2) of white, then of black
    np.testing.assert_allclose(p[0, 0, 0], [(1 + 0.2 + 1) / 4, (1 + 1) / 4])
    np.testing.assert_allclose(p[0, 1, 0], [1 / 4, 1 / 4])


def test_the_nearest_mean():
    inputs = np.array([[[0.0, 2.0]], [[0.0, 4.0]], [[9.0, 0.0]]])
    labels = np.array([5, 5, 2])
    others = np.array([[[1.0, 3.0]], [[6.0, 1.0]]])
    assert nearest_mean(inputs, labels, others).tolist() == [5, 2]
