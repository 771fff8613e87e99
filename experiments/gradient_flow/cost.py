"""What the diagnostics cost when they are run every 100 updates."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def share_of_training(
    update: Callable[[], Any],
    diagnose: Callable[[], Any],
    *,
    every: int = 100,
    sample: int = 20,
    rounds: int = 5,
) -> float:
    """Measures what share of a training's time its diagnostics take.

    Both are run once first, so that compilation is not counted.

    Args:
      update: computes one update and returns arrays.
      diagnose: computes the diagnostics and returns arrays.
      every: updates between two runs of the diagnostics.
      sample: updates timed per round.
      rounds: number of times that both are timed in turn; the median is taken.

    Returns:
      The time of the diagnostics divided by that of diagnostics and updates.
    """
    for function in (update, diagnose):
        jax.block_until_ready(function())
    shares = []
    for _ in range(rounds):
        training = every * _seconds(update, sample) / sample
        diagnosing = _seconds(diagnose, 1)
        shares.append(diagnosing / (diagnosing + training))
    return float(np.median(shares))


def _seconds(function, times):
    start = time.perf_counter()
    for _ in range(times):
        jax.block_until_ready(function())
    return time.perf_counter() - start
