"""Randomly generated canons, whose least possible cross entropy is known.

A key and four chords are drawn, and the chords are repeated to the end. Over their
roots a leader moves among the tones of the chord; a follower repeats it one round
later, an octave lower. A network that remembers a round can predict the bass and the
follower with certainty; only the leader's choices are random.
"""

import functools
from typing import NamedTuple

import numpy as np

from experiments.data.midi import LOWEST_NOTE, NUM_KEYS

SCALE = (0, 2, 4, 5, 7, 9, 11)  # of a major key, in semitones
TONIC, OTHERS = 0, (1, 3, 4, 5)  # degrees whose triads are used
CHORDS, CHORD_FRAMES, NOTE_FRAMES = 4, 4, 2
ROUND_FRAMES = CHORDS * CHORD_FRAMES
ROUNDS = 5
NUM_TONICS = 6
BASS, LEADER = 36, range(60, 84)  # notes in the key of C
OCTAVE, LEAP = 12, 7


class Canon(NamedTuple):
    """A piece and its entropy.

    Attributes:
      roll: `[num_frames, 88]` bool.
      nats: expected cross entropy of all frames but the first, for a predictor that
        knows how canons are made but predicts every key independently.
    """

    roll: np.ndarray
    nats: float


def make_canons(num_pieces: int, seed: int) -> list[Canon]:
    """Generates canons.

    Args:
      num_pieces: number of canons.
      seed: seed of all choices.

    Returns:
      The canons, all of the same length.
    """
    rng = np.random.default_rng(seed)
    return [_make_canon(rng) for _ in range(num_pieces)]


def _make_canon(rng: np.random.Generator) -> Canon:
    key = int(rng.integers(NUM_TONICS)) - LOWEST_NOTE
    degrees = (TONIC, *rng.choice(OTHERS, CHORDS - 1).tolist())
    roll = np.zeros((ROUNDS * ROUND_FRAMES, NUM_KEYS), bool)
    leader: list[int] = []
    nats = 0.0
    for start in range(0, len(roll), NOTE_FRAMES):
        chord, into_chord = divmod(start % ROUND_FRAMES, CHORD_FRAMES)
        before = leader[-1] if leader else None
        notes = _tones(degrees[chord], before)
        sounding = [BASS + SCALE[degrees[chord]], notes[rng.integers(len(notes))]]
        leader += sounding[1:] * NOTE_FRAMES
        if start >= ROUND_FRAMES:
            sounding.append(leader[start - ROUND_FRAMES] - OCTAVE)
        roll[start : start + NOTE_FRAMES, np.array(sounding) + key] = True
        if start:
            is_new = start < ROUND_FRAMES and into_chord == 0
            possible = OTHERS if is_new else (degrees[chord],)
            nats += _entropy(possible, before, sounding[2:])
    return Canon(roll, nats)


@functools.cache
def _tones(degree: int, before: int | None) -> list[int]:
    """Lists the tones of a triad within the leader's reach from the previous note."""
    classes = {SCALE[(degree + third) % len(SCALE)] for third in (0, 2, 4)}
    return [
        note
        for note in LEADER
        if note % OCTAVE in classes and (before is None or abs(note - before) <= LEAP)
    ]


def _entropy(degrees: tuple[int, ...], before: int | None, certain: list[int]) -> float:
    """Sums the entropies of all notes, where one of the degrees comes next.

    Args:
      degrees: the possible degrees, equally likely.
      before: the leader's previous note.
      certain: notes that sound in any case.
    """
    odds = np.zeros(128)
    for degree in degrees:
        odds[BASS + SCALE[degree]] += 1 / len(degrees)
        notes = _tones(degree, before)
        odds[notes] += 1 / len(notes) / len(degrees)
    odds[certain] = 0  # no entropy, as if it were 1
    p = odds[(odds > 0) & (odds < 1)]
    return float(-(p * np.log(p) + (1 - p) * np.log1p(-p)).sum())
