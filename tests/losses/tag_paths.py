"""All tag sequences of a small chain, one by one, in float64."""

import itertools
from typing import NamedTuple

import numpy as np


class Paths(NamedTuple):
    """The paths that are allowed.

    Attributes:
      tags: `[num_paths, T]`, zero at masked steps.
      features: `[num_paths, num_scores]`: how often each passes every score.
      scores: `[num_paths]`.
    """

    tags: np.ndarray
    features: np.ndarray
    scores: np.ndarray

    @property
    def log_partition(self):
        top = self.scores.max()
        return top + np.log(np.exp(self.scores - top).sum())

    @property
    def shares(self):
        return np.exp(self.scores - self.log_partition)

    @property
    def means(self):
        """The gradient of the log partition function by the scores."""
        return self.features.T @ self.shares

    @property
    def covariance(self):
        """Its second derivative."""
        weighted = self.features * self.shares[:, None]
        return self.features.T @ weighted - np.outer(self.means, self.means)

    @property
    def entropy(self):
        return -self.shares @ np.log(self.shares)

    @property
    def entropy_gradient(self):
        deviations = self.scores - self.shares @ self.scores
        return -self.features.T @ (self.shares * deviations)


def scores_in_order(scores):
    """Returns emissions, start, transitions and end as one vector."""
    names = ("emissions", "start", "transitions", "end")
    return np.concatenate([np.ravel(scores[name]) for name in names])


def enumerate_paths(scores, mask, constraints=None):
    """Lists the paths over the real steps.

    Args:
      scores: dict of `emissions` `[T, N]`, `start`, `transitions` and `end`.
      mask: `[T]`.
      constraints: their allowed `start`, `transitions` and `end`; None: all are.
    """
    num_steps, num_tags = scores["emissions"].shape
    real = np.flatnonzero(mask)
    tags, features = [], []
    for path in itertools.product(range(num_tags), repeat=len(real)):
        if constraints is not None and not is_allowed(path, constraints):
            continue
        passed = {name: np.zeros_like(x) for name, x in scores.items()}
        for step, tag in zip(real, path):
            passed["emissions"][step, tag] += 1
        for before, after in itertools.pairwise(path):
            passed["transitions"][before, after] += 1
        if path:
            passed["start"][path[0]] += 1
            passed["end"][path[-1]] += 1
        whole = np.zeros(num_steps, int)
        whole[real] = path
        tags.append(whole)
        features.append(scores_in_order(passed))
    tags, features = np.array(tags), np.array(features)
    finite = np.nan_to_num(scores_in_order(scores))
    return Paths(tags, features, features @ finite)


def is_allowed(path, constraints):
    if not path:
        return True
    pairs = itertools.pairwise(path)
    return (
        constraints.start[path[0]]
        and constraints.end[path[-1]]
        and all(constraints.transitions[before][after] for before, after in pairs)
    )
