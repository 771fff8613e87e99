"""Disturbances of training series."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.shared.augmentation import AugmentationFlags, augment, drop_words

LENGTHS = np.array([9, 4, 1, 0, 9, 9])
NUM_STEPS, NUM_CHANNELS = 9, 5
MASK = np.arange(NUM_STEPS) < LENGTHS[:, None]
INPUTS = np.random.default_rng(0).normal(size=(6, NUM_STEPS, NUM_CHANNELS)) + 3
INPUTS = np.where(MASK[..., None], INPUTS, 0).astype(np.float32)
TARGETS = np.where(MASK, np.arange(NUM_STEPS), 0).astype(np.int32)


def disturb(key, **flags):
    options = AugmentationFlags(**flags)
    batch = map(jnp.asarray, (INPUTS, TARGETS, MASK))
    return map(np.asarray, augment(options, jax.random.key(key), *batch))


def test_nothing_without_flags():
    inputs, targets = disturb(0)
    np.testing.assert_array_equal(inputs, INPUTS)
    np.testing.assert_array_equal(targets, TARGETS)


def test_shifts_repeat_the_ends_and_take_the_targets_along():
    seen = set()
    for key in range(8):
        inputs, targets = disturb(key, max_shift=2)
        for row, length in enumerate(LENGTHS):
            last = max(length - 1, 0)
            sources = {
                shift: np.clip(np.arange(length) - shift, 0, last)
                for shift in range(-2, 3)
            }
            found = [
                shift
                for shift, source in sources.items()
                if (targets[row, :length] == source).all()
            ]
            np.testing.assert_array_equal(
                inputs[row, :length], INPUTS[row, sources[found[0]]]
            )
            assert (inputs[row, length:] == 0).all()
            if length == NUM_STEPS:
                seen.add(*found)
    assert seen == {-2, -1, 0, 1, 2}


def test_noise_has_its_scale_and_leaves_padding():
    differences = []
    for key in range(40):
        inputs, _ = disturb(key, noise_scale=0.3)
        assert (inputs[~MASK] == 0).all()
        differences.append((inputs - INPUTS)[MASK])
    differences = np.concatenate(differences)
    assert abs(differences.mean()) < 0.01 and abs(differences.std() - 0.3) < 0.01


@pytest.mark.parametrize("name", ["time_mask", "channel_mask"])
def test_masks_are_runs_within_a_series(name):
    widths, places = set(), set()
    for key in range(60):
        inputs, _ = disturb(key, **{name: 3})
        changed = inputs != INPUTS
        np.testing.assert_array_equal(inputs[changed], 0)
        for row, length in enumerate(LENGTHS):
            if not length:
                continue
            own = changed[row, :length]
            lines = own.any(axis=1) if name == "time_mask" else own.any(axis=0)
            others = own.all(axis=1) if name == "time_mask" else own.all(axis=0)
            np.testing.assert_array_equal(lines, others)
            where = np.flatnonzero(lines)
            assert len(where) <= 3
            assert len(where) == 0 or np.ptp(where) == len(where) - 1
            if row == 0:
                widths.add(len(where))
                places.update(where.tolist())
    assert widths == {0, 1, 2, 3}
    assert places == set(range(NUM_STEPS if name == "time_mask" else NUM_CHANNELS))


def test_a_key_decides():
    first, again, other = (next(disturb(k, noise_scale=1.0)) for k in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_words_are_dropped_at_their_rate():
    tokens = np.random.default_rng(0).integers(1, 9, size=(70, 90))
    found = np.asarray(drop_words(jax.random.key(0), jnp.asarray(tokens), 11, 0.3))
    is_dropped = found == 11
    np.testing.assert_array_equal(found[~is_dropped], tokens[~is_dropped])
    assert abs(is_dropped.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / tokens.size)
    assert is_dropped.mean(axis=0).max() < 0.7  # each word by itself
