"""Spectrograms show the frames they are given, on one scale."""

import numpy as np

from experiments.shared.spectrogram import plot_spectrograms


def test_pictures_are_the_frames():
    rng = np.random.default_rng(0)
    sounds = {"short": rng.normal(size=(4, 3)), "long": 9 * rng.normal(size=(7, 3))}
    figure = plot_spectrograms(sounds, hop_seconds=0.01)
    figure.draw_without_rendering()
    values = np.concatenate([frames.ravel() for frames in sounds.values()])
    for axes, (title, frames) in zip(figure.axes, sounds.items(), strict=True):
        (image,) = axes.get_images()
        np.testing.assert_array_equal(image.get_array(), frames.T)
        assert image.origin == "lower"
        assert image.get_extent() == [0, len(frames) * 0.01, 0, 3]
        assert image.get_clim() == (values.min(), values.max())
        assert axes.get_title(loc="left") == title
        assert axes.get_xlim() == (0, 0.07)
