"""All alignments of small examples, one by one, in NumPy: the truth about lattices."""

import itertools
from typing import NamedTuple

import jax
import numpy as np


class Truth(NamedTuple):
    """What all alignments of an example say, by the equations of a softmax.

    Attributes:
      nats: -log Σ exp(score).
      gradient: of `nats` by the logits.
      curvature: the derivative of that gradient along a direction.
      shares: `[M]`, the probability of each alignment, given the targets.
      entropy: that of `shares`.
    """

    nats: float
    gradient: np.ndarray
    curvature: np.ndarray
    shares: np.ndarray
    entropy: float


def truth(logits, taken, direction=0.0):
    """Sums over all alignments.

    Args:
      logits: `[..., V]`.
      taken: `[M, ..., V]`, 1 where an alignment takes a symbol; only symbols that are
        possible.
      direction: `[..., V]`, along which the gradient is differentiated.
    """
    exps = np.exp(logits)
    p = exps / exps.sum(-1, keepdims=True)
    log_probs = np.log(p, where=p > 0, out=np.zeros_like(p))
    axes = tuple(range(1, taken.ndim))
    scores = np.sum(taken * log_probs, axis=axes)
    nats = -np.logaddexp.reduce(scores)
    shares = np.exp(scores + nats)
    occupancy = np.tensordot(shares, taken, 1)
    along = direction - np.sum(p * direction, axis=-1, keepdims=True)
    slopes = np.sum(taken * along, axis=axes)
    moved = np.tensordot(shares * (slopes - shares @ slopes), taken, 1)
    visits = occupancy.sum(-1, keepdims=True)
    return Truth(
        nats,
        p * visits - occupancy,
        p * along * visits + p * moved.sum(-1, keepdims=True) - moved,
        shares,
        -np.sum(shares * (scores + nats)),
    )


def collapse(path, blank):
    """Merges repeated labels, then removes blanks."""
    merged = [label for label, _ in itertools.groupby(path)]
    return tuple(label for label in merged if label != blank)


def ctc_paths(num_steps, targets, vocab_size, blank):
    """Returns all paths `[M, T]` that collapse to the targets."""
    paths = itertools.product(range(vocab_size), repeat=num_steps)
    found = [path for path in paths if collapse(path, blank) == tuple(targets)]
    return np.array(found, int).reshape(len(found), num_steps)


def transducer_paths(num_steps, targets, vocab_size, blank):
    """Returns what each alignment takes, `[M, T, U + 1, V]` of 0 and 1.

    An alignment is the frame at which each target is emitted.
    """
    found = []
    for frames in itertools.combinations_with_replacement(
        range(num_steps), len(targets)
    ):
        taken = np.zeros((num_steps, len(targets) + 1, vocab_size))
        for u, t in enumerate(frames):
            taken[t, u, targets[u]] = 1
        for t in range(num_steps):
            taken[t, sum(frame <= t for frame in frames), blank] = 1
        found.append(taken)
    return np.array(found)


def derivatives(loss, logits, direction):
    """Computes a loss in both modes and orders.

    Args:
      loss: `logits -> AlignmentLoss`.
      logits: where.
      direction: along which loss and gradient are differentiated.

    Returns:
      The loss, its gradient, and the derivatives of the gradient and of the loss along
      the direction.
    """

    def total(logits):
        found = loss(logits)
        return found.nats.sum(), found

    values, slopes = jax.jvp(
        jax.value_and_grad(total, has_aux=True), (logits,), (direction,)
    )
    (_, found), gradient = values
    (_, slope), curvature = slopes
    return found, gradient, curvature, slope.nats


def one_hot_directions(shape):
    """Yields, for each entry of one example's logits, 1 there and 0 elsewhere."""
    for index in np.ndindex(shape):
        direction = np.zeros(shape)
        direction[index] = 1
        yield direction
