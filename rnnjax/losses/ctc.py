"""Connectionist temporal classification: loss, posteriors, entropy, alignments."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.losses.ctc_lattice import CTCLattice, ctc_lattice, sum_alignments
from rnnjax.losses.semirings import COUNTING, ENTROPY, LOG, Semiring


class AlignmentLoss(NamedTuple):
    """The loss of sequences that are summed over all alignments.

    Attributes:
      nats: `[...batch]`, -log p(targets).
      feasible: `[...batch]` bool, false where no alignment has a probability above 0;
        there `nats` are a constant, without a gradient.
    """

    nats: Array
    feasible: Array


def ctc_loss(
    logits: Array,
    targets: Array,
    *,
    blank: int = 0,
    mask: Array | None = None,
    target_mask: Array | None = None,
    infeasible: float = 0.0,
) -> AlignmentLoss:
    """Computes -log p(targets), summed over all alignments of frames and targets.

        p(y) = Σ_π Πₜ softmax(logitsₜ)[πₜ],   over all π that collapse to y

    A path π of one label per frame collapses to y when repeated labels are merged and
    blanks are removed after that. So N targets of which R equal the one before need N +
    R frames. Rows that have fewer are not feasible: `nats` are `infeasible` and the
    gradient is zero. The same holds for targets to which the logits give probability 0
    (-inf).

    Masked frames are skipped, wherever they are, as if the frames around them were
    adjacent, and so are masked targets. Without targets all frames are blanks; without
    frames too the loss is 0.

    All derivatives exist, in both modes and of any order. Values of traced targets
    cannot be checked: rows with a real target that is the blank or not in the
    vocabulary are not feasible.

    Args:
      logits: `[T, ...batch, V]`, with any values at masked frames. Log-probabilities
        are logits, too.
      targets: `[N, ...batch]` integers, none of them the blank.
      blank: index of the blank in the vocabulary.
      mask: `[T, ...batch]` bool, true at real frames; None if all are.
      target_mask: `[N, ...batch]` bool, true at real targets; None if all are.
      infeasible: the value of rows that are not feasible, such as `jnp.inf`.

    Returns:
      The loss, and where there is one, both `[...batch]`; see `AlignmentLoss`.

    Raises:
      ValueError: if shapes or dtypes do not fit, the blank is not in the vocabulary, or
        a real target is the blank or not in the vocabulary.

    Example:
      Two frames have three paths for one label: twice the label, or once beside a
      blank. Two equal labels need three frames.

      >>> logits = jnp.zeros((2, 2, 4))
      >>> targets, mask = jnp.array([[3, 3], [0, 3]]), jnp.array([[1, 1], [0, 1]]) == 1
      >>> loss = ctc_loss(logits, targets, target_mask=mask)
      >>> jnp.exp(-loss.nats[0]) * 4**2, loss.feasible
      (Array(3., dtype=float32), Array([ True, False], dtype=bool))

    References:
      Graves, Fernández, Gomez and Schmidhuber, "Connectionist Temporal Classification:
      Labelling Unsegmented Sequence Data with Recurrent Neural Networks", ICML 2006,
      equations 3 to 8.
    """
    lattice = ctc_lattice(
        logits, targets, blank=blank, mask=mask, target_mask=target_mask
    )
    return negated(sum_alignments(LOG, lattice), infeasible)


def negated(log_prob: Array, infeasible: float) -> AlignmentLoss:
    """Returns the loss of log-probabilities, with a constant where they are -inf."""
    feasible = log_prob != -jnp.inf
    nats = jnp.where(feasible, -log_prob, jnp.asarray(infeasible, log_prob.dtype))
    return AlignmentLoss(nats, feasible)


def ctc_posteriors(
    logits: Array,
    targets: Array,
    *,
    blank: int = 0,
    mask: Array | None = None,
    target_mask: Array | None = None,
) -> Array:
    """Computes the probability of every state at every frame, given the targets.

        γₜ(s) = p(alignment is in state s at frame t | y) = ∂ log p(y) / ∂ log pₜ(s)

    Args:
      logits: see `ctc_loss`.
      targets: see `ctc_loss`.
      blank: see `ctc_loss`.
      mask: see `ctc_loss`.
      target_mask: see `ctc_loss`.

    Returns:
      `[T, ...batch, 2 N + 1]`: at 2 n + 1 the target n, the real ones first, at even
      places the blanks around them. Real frames sum to 1; masked frames, padding and
      rows that are not feasible are 0.

    Raises:
      ValueError: see `ctc_loss`.

    Example:
      >>> ctc_posteriors(jnp.zeros((2, 4)), jnp.array([3])) * 3
      Array([[1., 2., 0.],
             [0., 2., 1.]], dtype=float32)
    """
    lattice = ctc_lattice(
        logits, targets, blank=blank, mask=mask, target_mask=target_mask
    )
    return state_gradient(LOG, lattice)


@functools.partial(jax.jit, static_argnums=0)
def state_gradient(semiring: Semiring, lattice: CTCLattice) -> Array:
    """Computes the gradient of the sum over all alignments by the states' scores.

    With `LOG` it is the posterior of the states, with `MAX` 1 on the best alignment and
    0 elsewhere.

    Args:
      semiring: one whose elements are scores.
      lattice: the lattice.

    Returns:
      `[T, ...batch, 2 N + 1]`, blanks at even places.
    """
    num_steps, *batch, length = lattice.label_scores.shape
    blank_scores = jnp.broadcast_to(
        lattice.blank_scores, (num_steps, *batch, length + 1)
    )

    def total(blank_scores, label_scores):
        scored = lattice._replace(blank_scores=blank_scores, label_scores=label_scores)
        log_prob = sum_alignments(semiring, scored)
        return jnp.where(log_prob == -jnp.inf, 0, log_prob).sum()

    blanks, labels = jax.grad(total, (0, 1))(blank_scores, lattice.label_scores)
    states = jnp.zeros((num_steps, *batch, 2 * length + 1), labels.dtype)
    return states.at[..., ::2].set(blanks).at[..., 1::2].set(labels)


def ctc_entropy(
    logits: Array,
    targets: Array,
    *,
    blank: int = 0,
    mask: Array | None = None,
    target_mask: Array | None = None,
) -> Array:
    """Computes the entropy of the alignments, given the targets.

        H = -Σ_π p(π | y) log p(π | y)

    Args:
      logits: see `ctc_loss`.
      targets: see `ctc_loss`.
      blank: see `ctc_loss`.
      mask: see `ctc_loss`.
      target_mask: see `ctc_loss`.

    Returns:
      `[...batch]`, nats: 0 if one alignment is certain, log n if n are equally
      probable; 0 for rows that are not feasible.

    Raises:
      ValueError: see `ctc_loss`.

    Example:
      >>> jnp.exp(ctc_entropy(jnp.zeros((2, 4)), jnp.array([3])))
      Array(3., dtype=float32)

    References:
      Liu, Jin and Zhang, "Connectionist Temporal Classification with Maximum Entropy
      Regularization", NeurIPS 2018.
    """
    lattice = ctc_lattice(
        logits, targets, blank=blank, mask=mask, target_mask=target_mask
    )
    total = sum_alignments(ENTROPY, lattice)
    feasible = total.log_weight != -jnp.inf
    return jnp.where(feasible, total.log_weight - total.value, 0)


def ctc_num_alignments(
    logits: Array,
    targets: Array,
    *,
    blank: int = 0,
    mask: Array | None = None,
    target_mask: Array | None = None,
) -> Array:
    """Counts the alignments whose probability is above 0.

    Args:
      logits: see `ctc_loss`; only which of them are -inf matters.
      targets: see `ctc_loss`.
      blank: see `ctc_loss`.
      mask: see `ctc_loss`.
      target_mask: see `ctc_loss`.

    Returns:
      `[...batch]`, whole numbers as floats, exact up to 2²⁴ in float32 and 2⁵³ in
      float64; inf beyond the range.

    Raises:
      ValueError: see `ctc_loss`.

    Example:
      >>> ctc_num_alignments(jnp.zeros((5, 4)), jnp.array([3, 3, 1]))
      Array(7., dtype=float32)
    """
    lattice = ctc_lattice(
        logits, targets, blank=blank, mask=mask, target_mask=target_mask
    )
    return jax.lax.stop_gradient(sum_alignments(COUNTING, lattice))
