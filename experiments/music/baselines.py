"""What music costs without a network: key by key, from counts of the training pieces.

Both predict a key from nothing but itself, in frames 2 and later: by how often it is
down, or by how often it is down after a frame in which it was, or was not.
"""

import numpy as np

from experiments.music.evaluation import Nats, summarize
from experiments.music.pieces import Pieces


def baselines(train: Pieces, test: Pieces) -> dict[str, Nats]:
    """Judges both baselines on the test pieces.

    Args:
      train: the pieces to count.
      test: the pieces to judge by.

    Returns:
      The nats a frame, by the name of the baseline.
    """
    return {
        "key frequencies": _judge(train, test, lambda before: np.zeros_like(before)),
        "key before": _judge(train, test, lambda before: before),
    }


def _judge(train: Pieces, test: Pieces, context) -> Nats:
    """Judges counts of what follows a context, which is false or true for each key."""
    counts = np.ones((2, 2, train[0].shape[1]))  # context, is down; one of each more
    for piece in train:
        seen, now = context(piece[:-1]), piece[1:]
        for value in (False, True):
            counts[int(value), 0] += ((seen == value) & ~now).sum(axis=0)
            counts[int(value), 1] += ((seen == value) & now).sum(axis=0)
    probabilities = counts / counts.sum(axis=1, keepdims=True)
    nats = []
    for piece in test:
        seen, now = context(piece[:-1]).astype(int), piece[1:].astype(int)
        nats.append(-np.log(probabilities[seen, now, np.arange(now.shape[1])]).sum())
    return summarize(np.array(nats), np.array([len(piece) for piece in test]))
