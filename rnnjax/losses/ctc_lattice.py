"""The lattice of connectionist temporal classification, summed in any semiring.

An alignment takes one state per frame, from left to right. The states of a target
y₁ ... y_N are its labels with a blank before, between and after them,

    β₀, y₁, β₁, y₂, ..., y_N, β_N

and the sums over all ways to reach a state are

    α_t(yₙ) = p_t(yₙ) ⊗ (α_{t-1}(yₙ) ⊕ α_{t-1}(βₙ₋₁) ⊕ [yₙ ≠ yₙ₋₁] α_{t-1}(yₙ₋₁))
    α_t(βₙ) = p_t(blank) ⊗ (α_{t-1}(βₙ) ⊕ α_{t-1}(yₙ))

where the last two terms of a label are those that lead to the blank before it, and are
computed once. The sum over all alignments is α_T(β_N) ⊕ α_T(y_N): with `LOG` the
logarithm of the target's probability, with `MAX` that of the best alignment.

References:
  Graves, Fernández, Gomez and Schmidhuber, "Connectionist Temporal Classification:
  Labelling Unsegmented Sequence Data with Recurrent Neural Networks", ICML 2006,
  section 4.1.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.losses.emissions import check_blank, check_targets, label_log_probs, pack
from rnnjax.losses.semirings import Semiring, greatest_weight
from rnnjax.masking import check_marks, zero_masked


class CTCLattice(NamedTuple):
    """The states of a target and their scores; see the module.

    Attributes:
      blank_scores: `[T, ...batch, N + 1]` log-probabilities of the blanks; the last
        axis may be 1 if all blanks are alike.
      label_scores: `[T, ...batch, N]` log-probabilities of the labels; -inf at padding
        and where a target is the blank or outside the vocabulary.
      repeats: `[...batch, N]` bool, true where a label equals the one before it.
      mask: `[T, ...batch]` bool, true at real frames.
      order: `[N, ...batch]` int32, the place of each label among the targets.
      num_targets: `[...batch]` int32, the number of labels that are not padding.
    """

    blank_scores: Array
    label_scores: Array
    repeats: Array
    mask: Array
    order: Array
    num_targets: Array


def ctc_lattice(
    logits: Array,
    targets: Array,
    *,
    blank: int = 0,
    mask: Array | None = None,
    target_mask: Array | None = None,
) -> CTCLattice:
    """Scores the states of a target at every frame.

    Args:
      logits: `[T, ...batch, V]`, with any values at masked frames.
      targets: `[N, ...batch]` integers, none of them the blank.
      blank: index of the blank in the vocabulary.
      mask: `[T, ...batch]` bool, true at real frames; None if all are.
      target_mask: `[N, ...batch]` bool, true at real targets; None if all are.

    Returns:
      The lattice.

    Raises:
      ValueError: if shapes or dtypes do not fit, the blank is not in the vocabulary, or
        a real target is the blank or not in the vocabulary.
    """
    logits, targets = jnp.asarray(logits), jnp.asarray(targets)
    if logits.ndim < 2:
        raise ValueError(f"logits must be [T, ..., V], got shape {logits.shape}.")
    batch, vocab_size = logits.shape[1:-1], logits.shape[-1]
    check_blank(blank, vocab_size)
    check_targets(targets, batch, target_mask, blank, vocab_size)
    check_marks("mask", mask, logits.shape[:-1])
    return _scored(logits, targets, blank, mask, target_mask)


@functools.partial(jax.jit, static_argnums=2)
def _scored(logits, targets, blank, mask, target_mask):
    order, num_targets = pack(target_mask, targets)
    labels = jnp.moveaxis(jnp.take_along_axis(targets, order, axis=0), 0, -1)
    is_label = (jnp.arange(targets.shape[0]) < num_targets[..., None]) & (
        labels != blank
    )
    blanks = jnp.full((*labels.shape[:-1], 1), blank, labels.dtype)
    states = jnp.concatenate([blanks, jnp.where(is_label, labels, -1)], axis=-1)
    scores = label_log_probs(zero_masked(mask, logits), states)
    return CTCLattice(
        blank_scores=scores[..., :1],
        label_scores=scores[..., 1:],
        repeats=states[..., 1:] == states[..., :-1],
        mask=jnp.ones(logits.shape[:-1], bool) if mask is None else mask,
        order=order,
        num_targets=num_targets,
    )


@functools.partial(jax.jit, static_argnums=0)
def sum_alignments(semiring: Semiring, lattice: CTCLattice) -> Any:
    """Sums the weights of all alignments.

    Every frame is divided by its greatest sum, which is multiplied back at the end: in
    float32 the sums stay as exact after thousands of frames as after a few.

    Args:
      semiring: what to compute; see `rnnjax.losses.semirings`.
      lattice: the lattice.

    Returns:
      An element `[...batch]` of the semiring, its zero where there is no alignment.
    """
    shape, dtype = lattice.repeats.shape, lattice.label_scores.dtype
    places = jnp.arange(shape[-1] + 1)
    first = jnp.broadcast_to(places == 0, (*shape[:-1], shape[-1] + 1))
    blanks = semiring.lift(_indicator(first, dtype))
    labels = semiring.zero(shape, dtype)
    none = semiring.zero((*shape[:-1], 1), dtype)

    def step(carry, frame):
        blanks, labels = carry
        at_blanks, at_labels, mask = frame
        to_blanks = semiring.add(blanks, _join(none, labels))
        entering = _choose(lattice.repeats, _before(blanks), _before(to_blanks))
        to_labels = semiring.add(labels, entering)
        sums, greatest = divide_by_greatest(
            semiring,
            semiring.multiply(to_blanks, at_blanks),
            semiring.multiply(to_labels, at_labels),
        )
        return _choose(mask[..., None], sums, carry), jnp.where(mask, greatest, 0)

    # Storing only the sums and computing the rest again is faster, too.
    remat = jax.checkpoint(step, prevent_cse=False)
    scores = (lattice.blank_scores, lattice.label_scores)
    frames = (*map(semiring.lift, scores), lattice.mask)
    (blanks, labels), greatest = jax.lax.scan(remat, (blanks, labels), frames)
    is_last = _indicator(places == lattice.num_targets[..., None], dtype)
    ends = _join(blanks, labels)
    at_end = semiring.lift(jnp.concatenate([is_last, is_last[..., 1:]], axis=-1))
    total = semiring.sum(semiring.multiply(ends, at_end), -1)
    return semiring.multiply(total, semiring.lift(greatest.sum(axis=0)))


def divide_by_greatest(semiring: Semiring, *sums: Any) -> tuple[Any, Array]:
    """Divides elements by the greatest of them, for each place of the batch.

    Args:
      semiring: the semiring.
      *sums: elements `[...batch, N]`, of any N.

    Returns:
      The divided elements, and the logarithms `[...batch]` of what divided them, which
      count as constants; 0 where all elements are zero. `COUNTING` divides by 1, since
      it knows no other weights.
    """
    weights = jnp.concatenate([jax.tree.leaves(x)[0] for x in sums], axis=-1)
    greatest = greatest_weight(weights, -1)
    divisor = semiring.lift(-greatest[..., None])
    return tuple(semiring.multiply(x, divisor) for x in sums), greatest


def _indicator(condition, dtype):
    """Returns scores of weight one where the condition holds, and zero elsewhere."""
    return jnp.where(condition, jnp.zeros((), dtype), -jnp.inf)


def _join(*elements):
    return jax.tree.map(lambda *x: jnp.concatenate(x, axis=-1), *elements)


def _before(blanks):
    """Returns what is at the blank before each label."""
    return jax.tree.map(lambda x: x[..., :-1], blanks)


def _choose(condition, on_true, on_false):
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), on_true, on_false)
