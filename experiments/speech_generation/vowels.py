"""Made speech: vowels by formula, in two voices, and how to read them again."""

import numpy as np

from experiments.data.audio import log_mel
from experiments.data.spoken_folder import Recording

# Peterson and Barney, "Control Methods Used in a Study of the Vowels", JASA 1952: the
# means of men, Hz.
FORMANTS = {
    "a": (730, 1090, 2440),
    "e": (530, 1840, 2480),
    "i": (270, 2290, 3010),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}
BANDWIDTHS = (80, 100, 140)  # Hz
VOICES = {"high": (200, 1.15), "low": (110, 1.0)}  # pitch, Hz, and scale of formants
VOWEL_SECONDS, PAUSE_SECONDS = 0.12, 0.07
LEAST_FRAMES = 4  # of a vowel that is read
QUIET = 4.0  # nats below the loudest frame


def make_vowels(
    seed: int, number: int, rate: int, longest: int = 3
) -> list[tuple[Recording, str]]:
    """Makes recordings of up to `longest` vowels; returns each with its voice."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(number):
        voice = str(rng.choice([*VOICES]))
        text = "".join(rng.choice([*FORMANTS], rng.integers(1, longest + 1)))
        made.append(
            (Recording(say(text, voice, rate, rng), text, f"vowels {i}"), voice)
        )
    return made


def say(
    text: str, voice: str, rate: int, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Makes the sound of vowels, with a pause before each and at the end.

    Harmonics of the voice's pitch, as loud as the formants let them pass.

    Args:
      text: the vowels.
      voice: the name of the voice.
      rate: samples per second.
      rng: varies length, pitch and loudness; None: nothing varies.

    Returns:
      `[num_samples]` float32.
    """
    pitch, scale = VOICES[voice]
    pause = np.zeros(round(PAUSE_SECONDS * rate))
    pieces = [pause]
    for vowel in text:
        length, height, loudness = (
            rng.uniform((0.9, 0.97, 0.8), (1.1, 1.03, 1.2)) if rng else np.ones(3)
        )
        times = np.arange(round(VOWEL_SECONDS * length * rate)) / rate
        harmonics = pitch * height * np.arange(1, int(rate / 2 / (pitch * 1.05)))
        gains = sum(
            1 / (1 + ((harmonics - scale * place) / width) ** 2) / (1 + i)
            for i, (place, width) in enumerate(zip(FORMANTS[vowel], BANDWIDTHS))
        )
        wave = gains @ np.sin(2 * np.pi * harmonics[:, None] * times)
        edge = np.minimum(1, np.minimum(times, times[::-1]) / 0.01)
        pieces += [0.15 * loudness * wave * edge, pause]
    return np.concatenate(pieces).astype(np.float32)


def read_vowels(samples: np.ndarray, voice: str, rate: int) -> str:
    """Reads vowels by the nearest of the voice's own in every loud frame.

    Frames are compared without their loudness. A vowel is what most frames between two
    quiet ones are.
    """
    names = [*FORMANTS]
    own = []
    for name in names:
        frames = log_mel(say(name, voice, rate), rate)
        loud = frames[_loudness(frames) > _loudness(frames).max() - 0.5]
        own.append(_shape(loud).mean(axis=0))
    frames = log_mel(samples, rate)
    is_loud = _loudness(frames) > _loudness(frames).max() - QUIET
    nearest = np.linalg.norm(_shape(frames)[:, None] - np.array(own), axis=-1).argmin(1)
    text = ""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_loud, [False]])))
    for begin, end in edges.reshape(-1, 2):
        if end - begin >= LEAST_FRAMES:
            text += names[np.bincount(nearest[begin:end]).argmax()]
    return text


def _loudness(frames: np.ndarray) -> np.ndarray:
    return np.logaddexp.reduce(frames, axis=1)


def _shape(frames: np.ndarray) -> np.ndarray:
    floored = np.maximum(frames, frames.max(axis=1, keepdims=True) - 6)
    return floored - floored.mean(axis=1, keepdims=True)
