"""Training recordings as if spoken faster or slower, with another voice."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.shared.warping import WarpFlags, warp


def test_frames_are_stretched_and_bands_moved():
    rng = np.random.default_rng(0)
    lengths = np.array([40, 23, 0])
    mask = jnp.asarray(np.arange(40) < lengths[:, None])
    times, bands = np.meshgrid(np.arange(40.0), np.arange(9.0), indexing="ij")
    slopes = rng.normal(size=(3, 2))
    frames = slopes[:, :1, None] * times + slopes[:, 1:, None] * bands
    frames = jnp.where(mask[..., None], frames, 0).astype(jnp.float32)
    flags = WarpFlags(max_stretch=0.25, max_warp=0.2)
    found, real = map(np.asarray, warp(flags, jax.random.key(0), frames, mask))
    assert found.shape == (3, 50, 9) and real.shape == (3, 50)
    for b in range(2):
        new = int(real[b].sum())
        assert not found[b, new:].any() and abs(new / lengths[b] - 1) <= 0.27
        # What is linear stays linear, with other slopes, up to the ends.
        inner = found[b, : int(new * 0.9), :6]
        by_time = np.diff(inner, axis=0) / slopes[b, 0]
        by_band = np.diff(inner, axis=1) / slopes[b, 1]
        assert np.ptp(by_time) < 1e-3 and np.ptp(by_band) < 1e-3
        assert abs(1 / by_time[0, 0] - new / lengths[b]) < 0.03
        assert 1 / 1.21 < by_band[0, 0] < 1 / 0.79
    assert not real[2].any() and not found[2].any()


def test_nothing_is_distorted_without_flags():
    frames, mask = jnp.ones((2, 7, 3)), jnp.ones((2, 7), bool)
    found, real = warp(WarpFlags(), jax.random.key(0), frames, mask)
    np.testing.assert_array_equal(found, frames)
    np.testing.assert_array_equal(real, mask)
