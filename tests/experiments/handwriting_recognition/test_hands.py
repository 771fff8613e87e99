"""Changed hands: the frames of a drawing that is sheared and stretched itself."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.data.stroke_frames import frames_of
from experiments.data.vocabulary import Vocabulary
from experiments.handwriting_recognition.hands import HandFlags, change_hands
from experiments.shared.recognition.examples import Symbols

SYMBOLS = Symbols(
    Vocabulary(("a",)), "characters", (0.1, -0.2, 0.3, 0.4), (2.0, 3.0, 0.5, 0.7)
)


def frames_without_resampling(strokes):
    ends = [stroke[[0, -1]] for stroke in strokes]
    return frames_of(ends, spacing=1e3, unit_size=False, deslant=False)


def test_changed_frames_are_those_of_a_changed_drawing():
    rng = np.random.default_rng(0)
    drawings = [rng.normal(size=(5, 2, 2)), rng.normal(size=(3, 2, 2))]
    frames = np.full((2, 10, 4), 9.0, np.float32)
    mask = np.zeros((2, 10), bool)
    for row, kept, drawing in zip(frames, mask, drawings):
        own = frames_without_resampling(drawing)
        row[: len(own)] = (own - SYMBOLS.mean) / SYMBOLS.scale
        kept[: len(own)] = True
    flags = HandFlags(slant_change=0.5, size_change=0.3)
    changed = np.asarray(
        change_hands(flags, jax.random.key(0), jnp.asarray(frames), mask, SYMBOLS)
    )
    assert not changed[~mask].any()
    widths = []
    for row, kept, drawing in zip(changed, mask, drawings):
        got = row[kept] * SYMBOLS.scale + SYMBOLS.mean
        first = frames_without_resampling(drawing)
        # What was drawn, by least squares: right' = w right - s down, down' = h down.
        (w, s), *_ = np.linalg.lstsq(first[:, :2] * (1, -1), got[:, 0], rcond=None)
        h = got[1, 1] / first[1, 1]
        other = [stroke @ np.array([[w, 0], [-s, h]]) for stroke in drawing]
        expected = frames_without_resampling(other)
        np.testing.assert_allclose(got, expected, atol=1e-5)
        assert min(abs(s), abs(w - 1), abs(h - 1), abs(w - h)) > 1e-3
        widths.append(w)
    assert widths[0] != widths[1]


def test_flags_that_are_zero_change_nothing():
    frames = jnp.full((2, 3, 4), 9.0)
    mask = np.ones((2, 3), bool)
    given = jax.random.key(0), frames, mask, SYMBOLS
    assert change_hands(HandFlags(), *given) is frames
    leaning = np.asarray(change_hands(HandFlags(slant_change=0.5), *given))
    np.testing.assert_allclose(leaning[..., 1:], frames[..., 1:], atol=1e-5)
    assert np.abs(leaning[..., 0] - 9).min() > 1e-3
