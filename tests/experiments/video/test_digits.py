"""Moving digits: straight lines, bounces, labels; all found again in the frames."""

import numpy as np
import pytest

from experiments.video.digits import (
    DIRECTIONS,
    LABELS,
    SIZE,
    Digits,
    labelled_digits,
    moving_digits,
)

# Full rectangles of different sizes would differ; one size is needed, so marks differ.
IMAGES = np.zeros((3, 5, 9), bool)
IMAGES[:, [0, -1]] = IMAGES[:, :, [0, -1]] = True
IMAGES[1, 2, 3] = IMAGES[2, 2, 4:7] = True
DIGITS = Digits(IMAGES, np.array([4, 7, 9]))


def corner(frame):
    rows, columns = np.nonzero(frame)
    return rows.min(), columns.min()


def paths(frames):
    """`[num_frames, 2]` corners of a single digit in each clip."""
    return [np.array([corner(frame) for frame in clip]) for clip in frames]


def test_one_digit_moves_straight_and_bounces():
    frames = moving_digits(DIGITS, 60, 25, 1, np.random.default_rng(0))
    assert frames.shape == (60, 25, SIZE, SIZE) and set(np.unique(frames)) == {0, 255}
    ends, velocities = np.array([SIZE - 5, SIZE - 9]), set()
    for clip, path in zip(frames, paths(frames)):
        (image,) = {i for i in range(3) if (clip[0] > 0).sum() == IMAGES[i].sum()}
        for frame, (row, column) in zip(clip, path):
            shown = frame[row : row + 5, column : column + 9] > 0
            np.testing.assert_array_equal(shown, IMAGES[image])
            assert (frame > 0).sum() == IMAGES[image].sum()
        steps = np.diff(path, axis=0)
        velocities.add(tuple(steps[0]))
        for axis in (0, 1):
            position, speed = path[0, axis], abs(steps[0, axis])
            sign = np.sign(steps[0, axis])
            for t in range(1, 25):  # one pixel at a time, turning at the edges
                for _ in range(speed):
                    if not 0 <= position + sign <= ends[axis]:
                        sign = -sign
                    position += sign
                assert path[t, axis] == position
    king = {(v, w) for v in (-2, 0, 2) for w in (-2, 0, 2)} - {(0, 0)}
    assert velocities == king


def test_several_digits_share_their_frames():
    one = moving_digits(DIGITS, 7, 4, 1, np.random.default_rng(0))
    two = moving_digits(DIGITS, 7, 4, 2, np.random.default_rng(0))
    assert ((two > 0) >= (one > 0)).all() and (two > one).any()


def test_labels_say_digit_and_first_direction():
    clips = labelled_digits(DIGITS, 80, 6, np.random.default_rng(1))
    seen = set()
    for clip, label, path in zip(clips.frames, clips.labels, paths(clips.frames)):
        digit, direction = LABELS[label].split()
        (image,) = np.flatnonzero(DIGITS.labels == int(digit))
        assert (clip[0] > 0).sum() == IMAGES[image].sum()
        step = path[1] - path[0]
        assert tuple(np.sign(step)) == DIRECTIONS[direction]
        seen.add((direction, np.abs(step).max()))
    assert seen == {(name, speed) for name in DIRECTIONS for speed in (1, 2)}


@pytest.mark.parametrize("make", [moving_digits, labelled_digits])
def test_equal_seeds_give_equal_clips(make):
    options = (1,) if make is moving_digits else ()
    first, again, other = (
        make(DIGITS, 5, 3, *options, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    if make is labelled_digits:
        first, again, other = first.frames, again.frames, other.frames
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
