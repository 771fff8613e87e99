"""Prefix beam search for connectionist temporal classification."""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Layer, check_positive
from rnnjax.decoding.ctc import check_frames
from rnnjax.decoding.fusion import LanguageModel, Reading, begin, follow
from rnnjax.decoding.prefixes import (
    Prefixes,
    advance,
    log_probs_of,
    only_the_empty_prefix,
)
from rnnjax.masking import zero_masked


class CTCBeams(NamedTuple):
    """What a prefix beam search found, the best prefix of each row first.

        scores = log_probs + weight · language_log_probs + bonus · lengths

    Where a row has fewer than n prefixes, the others have a score of -inf.

    Attributes:
      tokens: `[L, n, ...batch]` int32, zeros after the end.
      lengths: `[n, ...batch]` int32.
      scores: `[n, ...batch]`, by which they are ordered.
      log_probs: `[n, ...batch]`, of all paths to the prefix that the beam kept, nats: a
        lower bound of -`ctc_loss`, and equal to it if nothing was dropped.
      language_log_probs: `[n, ...batch]`, under the language model, nats, the end
        included; 0 without one.
      cut: `[...batch]` bool, true where a prefix could not grow beyond `max_length`.
      carry: to go on with the next frames.
    """

    tokens: Array
    lengths: Array
    scores: Array
    log_probs: Array
    language_log_probs: Array
    cut: Array
    carry: Any


class _Carry(NamedTuple):
    """The search between two frames; the batch is one axis B.

    Attributes:
      prefixes: those in the beam.
      reading: the language model after each of them; None without one.
    """

    prefixes: Prefixes
    reading: Reading | None


def ctc_beam_search(
    logits: Array,
    *,
    beam_size: int,
    num_best: int = 1,
    blank: int = 0,
    mask: Array | None = None,
    language_model: LanguageModel | None = None,
    bonus: float = 0.0,
    max_length: int | None = None,
    carry: Any = None,
) -> CTCBeams:
    """Searches for the most probable labels, summed over the paths that lead to them.

    The beam keeps the K best prefixes. Each has two probabilities: of the paths that
    end in a blank and of those that end in its last label. A frame leaves a prefix as
    it is by a blank or by its last label again, or extends it by a label; the last
    label extends it from paths that end in a blank only. Paths that lead to the same
    prefix are added. A language model scores a label when it extends a prefix, in the
    same program, and its end symbol at the end.

    A sequence may be decoded in chunks of any size: pass each chunk the `carry` of the
    one before, the same options, and `max_length` to the first. Each returns the best
    of all frames so far; the result does not depend on the chunks. Neither does it
    depend on other rows of the batch or on padding.

    Args:
      logits: `[T, ...batch, V]`, with any values at masked frames.
      beam_size: K.
      num_best: n, at most K.
      blank: index of the blank.
      mask: `[T, ...batch]` bool, true at real frames; None if all are. Masked frames
        are skipped.
      language_model: None: there is none.
      bonus: added to the score for every label, against the preference for short
        results that a language model causes.
      max_length: L, to which prefixes grow; None: the number of frames, or that of the
        carry.
      carry: what the chunk before returned; None: there is none.

    Returns:
      The best prefixes, the parts of their scores, and the carry.

    Raises:
      ValueError: if a size is not positive, `num_best` is more than `beam_size`, shapes
        or dtypes do not fit, the blank is not in the vocabulary, or the language model
        is not causal or has another vocabulary.

    Example:
      Both frames prefer a blank (the path of two blanks has 0.36), but three paths of
      0.64 in all lead to the label 1.

      >>> logits = jnp.log(jnp.array([[0.6, 0.4], [0.6, 0.4]]))
      >>> found = ctc_beam_search(logits, beam_size=2, num_best=2)
      >>> [f"{p:.2f}" for p in jnp.exp(found.log_probs)], found.lengths
      (['0.64', '0.36'], Array([1, 0], dtype=int32))

    References:
      Graves and Jaitly, "Towards End-to-End Speech Recognition with Recurrent Neural
      Networks", ICML 2014, algorithm 1; Hannun, Maas, Jurafsky and Ng, "First-Pass
      Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent
      DNNs", 2014. The language model's weight is an exponent, as there.
    """
    logits = jnp.asarray(logits)
    check_frames(logits, blank, mask)
    check_positive(beam_size=beam_size, num_best=num_best)
    if num_best > beam_size:
        raise ValueError(
            f"num_best must be at most beam_size = {beam_size}, got {num_best}."
        )
    if max_length is not None:
        check_positive(max_length=max_length)
    num_steps, *batch, vocab_size = logits.shape
    num_rows = math.prod(batch)
    if carry is not None:
        _check_carry(carry, (num_rows, beam_size), max_length)
    mask = jnp.ones(logits.shape[:-1], bool) if mask is None else jnp.asarray(mask)
    options = _Options(
        None if language_model is None else language_model.layer,
        blank,
        beam_size,
        max_length or max(num_steps, 1),
        num_best,
    )
    model = None if language_model is None else language_model._replace(layer=None)
    logits = logits.reshape(num_steps, num_rows, vocab_size)
    if carry is None:
        carry = _begin(options, model, logits)
    parts, cut, carry = _search(
        options, model, bonus, logits, mask.reshape(num_steps, num_rows), carry
    )
    parts = [x.reshape(*x.shape[:-1], *batch) for x in parts]
    return CTCBeams(*parts, cut.reshape(batch), carry)


def _check_carry(carry, shape, max_length):
    *got, length = carry.prefixes.tokens.shape
    if tuple(got) != shape:
        raise ValueError(
            f"carry must be of {shape[0]} rows and beam_size = {shape[1]}, "
            f"got {got[0]} and {got[1]}."
        )
    if max_length not in (None, length):
        raise ValueError(
            f"max_length must be that of the carry, {length}, got {max_length}."
        )


class _Options(NamedTuple):
    """What a search is compiled for."""

    layer: Layer | None
    blank: int
    beam_size: int
    max_length: int
    num_best: int


@functools.partial(jax.jit, static_argnums=0)
def _search(options, model, bonus, logits, mask, carry):
    model = model and model._replace(layer=options.layer)
    dtype = jnp.promote_types(logits.dtype, jnp.float32)
    log_probs = jax.nn.log_softmax(zero_masked(mask, logits).astype(dtype))

    def step(carry, frame):
        prefixes, reading = carry
        scores, label_scores = bonus * prefixes.lengths, bonus
        if model is not None:
            scores += model.weight * reading.log_probs
            label_scores += model.weight * reading.next_log_probs
        log_probs, real = frame
        prefixes, choice = advance(
            prefixes, log_probs, real, options.blank, scores, label_scores
        )
        if model is not None:
            reading = follow(model, reading, *choice)
        return _Carry(prefixes, reading), None

    carry, _ = jax.lax.scan(step, carry, (log_probs, mask))
    return *_best(options, model, bonus, carry), carry


@functools.partial(jax.jit, static_argnums=0)
def _begin(options, model, logits):
    """Returns the carry before the first frame."""
    num_rows, vocab_size = logits.shape[1:]
    dtype = jnp.promote_types(logits.dtype, jnp.float32)
    beam = (num_rows, options.beam_size)
    prefixes = only_the_empty_prefix(*beam, options.max_length, dtype)
    if model is None:
        return _Carry(prefixes, None)
    model = model._replace(layer=options.layer)
    return _Carry(prefixes, begin(model, *beam, vocab_size))


def _best(options, model, bonus, carry):
    """Returns the fields of `CTCBeams`, batch last, and `cut`."""
    prefixes, reading = carry
    log_probs = log_probs_of(prefixes)
    language = jnp.zeros_like(log_probs)
    weight = 0
    if model is not None:
        weight, language = model.weight, reading.log_probs
        if model.end is not None:
            language += reading.next_log_probs[..., model.end]
    scores = log_probs + weight * language + bonus * prefixes.lengths
    scores, places = jax.lax.top_k(scores, options.num_best)
    rows = jnp.arange(len(places))[:, None]
    parts = (prefixes.lengths, log_probs, language)
    lengths, log_probs, language = (x[rows, places].T for x in parts)
    tokens = jnp.moveaxis(prefixes.tokens[rows, places], (2, 1), (0, 1))
    return (tokens, lengths, scores.T, log_probs, language), prefixes.cut
