"""Linear-chain conditional random fields, and what they know about tags."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import initializers

from rnnjax.base import Array, Params, cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.losses.chains import SCAN, Chain, Potentials
from rnnjax.losses.semirings import COUNTING, ENTROPY, LOG
from rnnjax.losses.tag_constraints import Constraints
from rnnjax.masking import check_marks


class CRF(NamedTuple):
    """A linear-chain conditional random field, made by `crf`.

    Attributes:
      init: `key -> params`, a dict of `start` `[N]`, `transitions` `[N, N]` (from the
        first index to the second) and `end` `[N]`.
      num_tags: N.
      constraints: which tags may begin, follow one another and end; None: all.
      chain: how it runs over time.
    """

    init: Callable[[Array], Params]
    num_tags: int
    constraints: Constraints | None
    chain: Chain


@cached
def crf(
    num_tags: int,
    *,
    constraints: Constraints | None = None,
    chain: Chain = SCAN,
    scores_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> CRF:
    """Makes a linear-chain conditional random field.

        p(y) = exp(score(y)) / Σ exp(score(y')),
        score(y) = start(y₁) + Σ emissionₜ(yₜ) + Σ transitions(yₜ, yₜ₊₁) + end(yₙ)

    The sum is over all sequences that the constraints allow. Best paths, marginals and
    samples are of the same sequences, with the same scores. `crf_cross_entropy` is the
    loss.

    Only real steps count. Masked steps may be anywhere: the tags before and after a
    gap are neighbours. The one sequence without a real step has probability 1.

    Args:
      num_tags: number of tags N.
      constraints: see `rnnjax.losses.tag_constraints`.
      chain: `rnnjax.losses.chains.SCAN`, or `ASSOCIATIVE_SCAN`, which takes O(log T)
        rounds of N times as many operations.
      scores_init: initializer of the three kinds of scores. Zeros make the tags
        independent of one another.
      dtype: dtype of the parameters, hence of all results.

    Returns:
      The CRF, which the functions of this module and of `rnnjax.decoding.crf` take.

    Raises:
      ValueError: if `num_tags` is not positive, or the constraints are for another
        number of tags.

    Example:
      >>> from rnnjax.losses.tag_constraints import bio_constraints
      >>> tagger = crf(3, constraints=bio_constraints(("O", "B-PER", "I-PER")))
      >>> params = tagger.init(jax.random.key(0))
      >>> emissions = jnp.zeros((4, 3))
      >>> int(crf_num_paths(tagger, params, emissions))  # of 81
      34
      >>> crf_marginals(tagger, params, emissions)[0] * 34  # never I-PER
      Array([13., 21.,  0.], dtype=float32)

    References:
      Lafferty, McCallum and Pereira, "Conditional Random Fields: Probabilistic Models
      for Segmenting and Labeling Sequence Data", ICML 2001.
    """
    check_positive(num_tags=num_tags)
    if constraints is not None and len(constraints.tags) != num_tags:
        raise ValueError(
            f"constraints must be for {num_tags} tags, got {len(constraints.tags)}."
        )

    def init(key):
        shapes = {"start": (num_tags,), "transitions": (num_tags,) * 2}
        shapes["end"] = (num_tags,)
        keys = jax.random.split(key, len(shapes))
        return {
            name: scores_init(own, shape, dtype)
            for own, (name, shape) in zip(keys, shapes.items())
        }

    return CRF(init, num_tags, constraints, chain)


def crf_log_partition(
    tagger: CRF, params: Params, emissions: Array, mask: Array | None = None
) -> Array:
    """Computes log Σ exp(score(y)) over all tag sequences y.

    Args:
      tagger: the CRF.
      params: its parameters.
      emissions: `[T, ..., N]` scores.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      `[...batch]`, nats; -inf if no sequence is allowed.

    Raises:
      ValueError: if an argument has another shape or dtype.
    """
    emissions, mask = checked(tagger, params, emissions, mask)
    return run_forward(tagger, LOG, params, emissions, mask)


def crf_marginals(
    tagger: CRF, params: Params, emissions: Array, mask: Array | None = None
) -> Array:
    """Computes the probability of every tag at every step.

    It is the gradient of the log partition function by the emissions.

    Args:
      tagger: the CRF.
      params: its parameters.
      emissions: `[T, ..., N]` scores.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      `[T, ..., N]`, which sum to 1 at real steps; zeros at masked ones, and where no
      sequence is allowed.

    Raises:
      ValueError: if an argument has another shape or dtype.
    """
    emissions, mask = checked(tagger, params, emissions, mask)

    def total(emissions):
        return run_forward(tagger, LOG, params, emissions, mask).sum()

    return jax.grad(total)(emissions)


def crf_entropy(
    tagger: CRF, params: Params, emissions: Array, mask: Array | None = None
) -> Array:
    """Computes the entropy of the tag sequences, -Σ p(y) log p(y).

    Args:
      tagger: the CRF.
      params: its parameters.
      emissions: `[T, ..., N]` scores.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      `[...batch]`, nats per sequence; 0 if no sequence is allowed.

    Raises:
      ValueError: if an argument has another shape or dtype.
    """
    emissions, mask = checked(tagger, params, emissions, mask)
    log_weight, mean_score = run_forward(tagger, ENTROPY, params, emissions, mask)
    return jnp.where(log_weight == -jnp.inf, 0, log_weight - mean_score)


def crf_num_paths(
    tagger: CRF, params: Params, emissions: Array, mask: Array | None = None
) -> Array:
    """Counts the tag sequences whose score is not -inf.

    Args:
      tagger: the CRF.
      params: its parameters.
      emissions: `[T, ..., N]` scores.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      `[...batch]`, floating, since it grows as Nᵀ: exact up to 2²⁴ in float32, and inf
      beyond its range. With scores of zero the log partition function is its logarithm.

    Raises:
      ValueError: if an argument has another shape or dtype.
    """
    emissions, mask = checked(tagger, params, emissions, mask)
    return run_forward(tagger, COUNTING, params, emissions, mask)


def potentials_of(tagger: CRF, params: Params) -> Potentials:
    """Returns the scores that the parameters and the constraints give."""
    scores = Potentials(params["start"], params["transitions"], params["end"])
    if tagger.constraints is None:
        return scores
    _, *allowed = tagger.constraints
    return Potentials(
        *(jnp.where(np.array(own), x, -jnp.inf) for own, x in zip(allowed, scores))
    )


@functools.partial(jax.jit, static_argnums=(0, 1), inline=True)
def run_forward(tagger, semiring, params, emissions, mask):
    """Sums over all tag sequences in a semiring."""
    potentials = potentials_of(tagger, params)
    total, _ = tagger.chain.forward(semiring, potentials, emissions, mask)
    return total


def checked(tagger, params, emissions, mask):
    """Checks what all functions of a CRF take.

    Returns:
      The emissions in the dtype of the parameters, and the mask.

    Raises:
      ValueError: if one of them has another shape or dtype.
    """
    num_tags = tagger.num_tags
    emissions = jnp.asarray(emissions)
    if emissions.ndim < 2 or emissions.shape[-1] != num_tags:
        raise ValueError(
            f"emissions must be [T, ..., {num_tags}], got shape {emissions.shape}."
        )
    shapes = {"start": (num_tags,), "transitions": (num_tags,) * 2, "end": (num_tags,)}
    got = {name: jnp.shape(x) for name, x in params.items()}
    if got != shapes:
        raise ValueError(f"params must be of shapes {shapes}, got {got}.")
    check_marks("mask", mask, emissions.shape[:-1])
    dtype = jnp.result_type(*params.values())
    mask = jnp.ones(emissions.shape[:-1], bool) if mask is None else jnp.asarray(mask)
    return emissions.astype(dtype), mask
