"""Recordings of words, cut between the words and strung together anew."""

from typing import NamedTuple

import numpy as np

Piece = tuple[str, np.ndarray]  # a word and its samples
HOP_SECONDS, SMOOTHED = 0.010, 9  # the energy of a hop is a mean over hops
QUIET = 4.0  # nats below the loudest hop
LEAST_SECONDS = 0.15  # what is loud for less time is no word


def cut_words(samples: np.ndarray, rate: int, number: int) -> list[np.ndarray] | None:
    """Cuts a recording in the middle of the silence between its words.

    Args:
      samples: `[num_samples]`, words with silence between them.
      rate: samples per second.
      number: number of words.

    Returns:
      The pieces, which together are the recording; None if another number of loud
      stretches is found.
    """
    hop = round(HOP_SECONDS * rate)
    hops = samples[: len(samples) // hop * hop].reshape(-1, hop)
    energies = np.convolve((hops**2).mean(axis=1), np.ones(SMOOTHED) / SMOOTHED, "same")
    is_loud = energies > energies.max(initial=0) * np.exp(-QUIET)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_loud, [False]])))
    begins, ends = edges[::2], edges[1::2]
    is_word = (ends - begins) * HOP_SECONDS >= LEAST_SECONDS
    if is_word.sum() != number:
        return None
    begins, ends = begins[is_word], ends[is_word]
    return np.split(samples, (ends[:-1] + begins[1:]) // 2 * hop)


class Strung(NamedTuple):
    """Words strung together.

    Attributes:
      samples: `[num_samples]` float32.
      words: the words.
      times: the sample at which each begins, and the one after its end.
    """

    samples: np.ndarray
    words: list[str]
    times: list[tuple[int, int]]


def string(
    rng: np.random.Generator,
    pieces: list[Piece],
    lengths: tuple[int, int],
    pauses: tuple[float, float] = (0, 0),
) -> Strung:
    """Strings words together, drawn with replacement.

    Args:
      rng: the source of randomness.
      pieces: the words.
      lengths: least and greatest number of words.
      pauses: least and greatest number of zeros after a word.
    """
    length = rng.integers(lengths[0], lengths[1] + 1)
    chosen = [pieces[row] for row in rng.integers(len(pieces), size=length)]
    sounds, times, place = [], [], 0
    for _, sound in chosen:
        pause = np.zeros(int(rng.uniform(*pauses)), np.float32)
        sounds += [sound, pause]
        times.append((place, place + len(sound)))
        place += len(sound) + len(pause)
    return Strung(np.concatenate(sounds), [word for word, _ in chosen], times)
