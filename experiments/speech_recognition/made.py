"""Made recordings: tunes of seven notes, played by instruments that differ."""

from typing import NamedTuple

import numpy as np

NOTES = {"do": 523, "re": 587, "mi": 659, "fa": 698, "so": 784, "la": 880, "ti": 988}
NUM_NOTES = (3, 8)
NOTE_SECONDS, PAUSE_SECONDS = (0.12, 0.4), (0.02, 0.12)
NUM_HARMONICS = 3
NOISE = (0.02, 0.2)  # standard deviation, where a note has an amplitude of about 0.3


class Tune(NamedTuple):
    """A recording of notes.

    Attributes:
      samples: `[num_samples]` float32, from -1 to 1.
      notes: the names of the notes.
      times: when each begins and ends, in seconds.
    """

    samples: np.ndarray
    notes: tuple[str, ...]
    times: tuple[tuple[float, float], ...]


def made_tunes(seed: int, number: int, rate: int) -> list[Tune]:
    """Plays tunes; each has an instrument, a tempo and a noise of its own.

    Args:
      seed: equal seeds give equal tunes.
      number: number of tunes.
      rate: samples per second.

    Returns:
      The tunes, of 3 to 8 notes, which may repeat.
    """
    rng = np.random.default_rng(seed)
    return [_play(rng, rate) for _ in range(number)]


def _play(rng: np.random.Generator, rate: int) -> Tune:
    harmonics = rng.uniform(0.1, 1, NUM_HARMONICS) / np.arange(1, NUM_HARMONICS + 1)
    detuned = rng.uniform(0.98, 1.02)
    notes = rng.choice(list(NOTES), rng.integers(NUM_NOTES[0], NUM_NOTES[1] + 1))
    pieces, times, place = [], [], 0
    for note in notes.tolist():
        pause = np.zeros(int(rng.uniform(*PAUSE_SECONDS) * rate))
        length = int(rng.uniform(*NOTE_SECONDS) * rate)
        place += len(pause)
        times.append((place / rate, (place + length) / rate))
        place += length
        tone = _tone(NOTES[note] * detuned, harmonics, length, rate)
        pieces += [pause, tone * rng.uniform(0.2, 0.4)]
    samples = np.concatenate([*pieces, np.zeros(int(PAUSE_SECONDS[1] * rate))])
    samples += rng.normal(0, rng.uniform(*NOISE), len(samples))
    return Tune(samples.astype(np.float32), tuple(notes.tolist()), tuple(times))


def _tone(frequency, harmonics, length, rate) -> np.ndarray:
    seconds = np.arange(length) / rate
    orders = np.arange(1, len(harmonics) + 1)[:, None]
    waves = np.sin(2 * np.pi * frequency * orders * seconds)
    # Begins within 10 ms and fades out, so that a repeated note is heard twice.
    envelope = np.minimum(1, seconds / 0.01) * np.exp(-3 * seconds)
    return harmonics @ waves * envelope
