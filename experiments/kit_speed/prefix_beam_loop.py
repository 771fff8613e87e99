"""CTC prefix beam search in NumPy, one prefix at a time, in dictionaries."""

from collections.abc import Callable
from typing import Any

import numpy as np

Prefix = tuple[int, ...]


def log_softmax(logits: Any) -> np.ndarray:
    """Returns log-probabilities in float64."""
    logits = np.asarray(logits, np.float64)
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


def prefix_beam_loop(
    log_probs: np.ndarray,
    beam_size: int,
    blank: int = 0,
    score: Callable[[Prefix], float] = lambda prefix: 0.0,
) -> list[tuple[Prefix, float]]:
    """Searches one row as Hannun et al. (2014) write it.

    Args:
      log_probs: `[T, V]`.
      beam_size: number of prefixes kept after each frame.
      blank: index of the blank.
      score: what a prefix gets beside its log-probability when prefixes are ordered.

    Returns:
      The prefixes kept and their log-probabilities, the best first.
    """
    beam = {(): (0.0, -np.inf)}
    for frame in log_probs:
        masses = _read(beam, frame.tolist(), blank)
        ranks = {p: np.logaddexp(*both) + score(p) for p, both in masses.items()}
        found = [p for p, rank in ranks.items() if rank > -np.inf]
        kept = sorted(found, key=lambda p: -ranks[p])[:beam_size]
        beam = {prefix: masses[prefix] for prefix in kept}
    return [(prefix, float(np.logaddexp(*both))) for prefix, both in beam.items()]


def _read(beam, frame, blank):
    """Returns the log-probabilities of ending in a blank and in a label, by prefix."""
    masses: dict[Prefix, tuple[float, float]] = {}

    def add(prefix, of_blank, of_label):
        before = masses.get(prefix, (-np.inf, -np.inf))
        masses[prefix] = (
            np.logaddexp(before[0], of_blank),
            np.logaddexp(before[1], of_label),
        )

    for prefix, (of_blank, of_label) in beam.items():
        both = np.logaddexp(of_blank, of_label)
        add(prefix, both + frame[blank], -np.inf)
        for label, log_prob in enumerate(frame):
            longer = (*prefix, label)
            if label == blank:
                continue
            if longer[-2:] == (label, label):
                add(prefix, -np.inf, of_label + log_prob)
                add(longer, -np.inf, of_blank + log_prob)
            else:
                add(longer, -np.inf, both + log_prob)
    return masses
