"""Signals whose classes differ in the order of things, by formula.

A tone rises or falls; a pulse passes over the channels forth or back. Each class is
another one reversed in time, so the mean and the spread of the channels tell two pairs
of classes apart, and no more.
"""

import numpy as np

from experiments.series_classification.series import Series

CLASSES = ("rising", "falling", "forth", "back")
NUM_CHANNELS = 3
LENGTHS = (20, 60)
NOISE = 0.6


def made_signals(seed: int, number: int) -> list[Series]:
    """Makes signals of three channels.

    Args:
      seed: equal seeds give equal signals.
      number: number of signals.

    Returns:
      The signals, of 20 to 60 steps, their classes in turn.
    """
    rng = np.random.default_rng(seed)
    return [_make(rng, i) for i in range(number)]


def _make(rng: np.random.Generator, index: int) -> Series:
    label = CLASSES[index % len(CLASSES)]
    length = int(rng.integers(LENGTHS[0], LENGTHS[1] + 1))
    times = np.arange(length) / length
    if label in ("rising", "falling"):
        # The frequency grows linearly: its integral is the phase.
        cycles = length * (0.02 * times + 0.14 * times**2 / 2)
        phases = rng.uniform(0, 2 * np.pi, NUM_CHANNELS)
        clean = np.sin(2 * np.pi * cycles[:, None] + phases)
    else:
        centres = np.linspace(0.2, 0.8, NUM_CHANNELS) + rng.normal(0, 0.05)
        clean = 3 * np.exp(-(((times[:, None] - centres) / 0.1) ** 2))
    if label in ("falling", "back"):
        clean = clean[::-1]
    values = clean + rng.normal(0, NOISE, clean.shape)
    return Series(values.astype(np.float32), (label,), f"signal {index}")
