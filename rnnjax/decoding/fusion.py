"""A language model whose scores are added to those of a decoder (shallow fusion)."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Layer, Params
from rnnjax.decoding.carries import batch_axes, take_beams


class LanguageModel(NamedTuple):
    """A language model and how much it counts.

    Attributes:
      layer: a causal layer from tokens `[T, ...batch]` to logits `[T, ..., V]`, over
        the decoder's vocabulary. What it says of the blank is not used, unless the
        blank's index serves as `start` or `end`.
      params: its parameters.
      start: the token that it reads first.
      end: the token that ends a sentence, scored after the last label; None: nothing.
      weight: of its log-probabilities.
    """

    layer: Layer
    params: Params
    start: int
    end: int | None = None
    weight: float = 1.0


class Reading(NamedTuple):
    """A language model after each of K prefixes in B rows.

    Attributes:
      carry: its carry, leaves `[K, ...]`.
      log_probs: `[B, K]`, of the prefixes.
      next_log_probs: `[B, K, V]`, of the token that comes next.
    """

    carry: Any
    log_probs: Array
    next_log_probs: Array


def begin(
    model: LanguageModel, num_rows: int, num_beams: int, vocab_size: int
) -> Reading:
    """Reads the first token.

    Raises:
      ValueError: if the model is not causal or has another vocabulary.
    """
    if model.layer.step is None:
        raise ValueError("language_model must be causal, got a layer without a step.")
    start = jnp.full(num_rows, model.start, jnp.int32)
    carry = model.layer.initial_carry(model.params, (num_rows,))
    carry, logits = _step(model, carry, start, None)
    if logits.shape != (num_rows, vocab_size):
        raise ValueError(
            f"language_model must return logits of shape {(num_rows, vocab_size)}, "
            f"got {logits.shape}."
        )
    next_log_probs = jax.nn.log_softmax(logits)
    shape = (num_rows, num_beams, vocab_size)
    return Reading(
        jax.tree.map(lambda x: jnp.broadcast_to(x, (num_beams, *x.shape)), carry),
        jnp.zeros(shape[:-1], next_log_probs.dtype),
        jnp.broadcast_to(next_log_probs[:, None], shape),
    )


def follow(
    model: LanguageModel, reading: Reading, sources: Array, grows: Array, labels: Array
) -> Reading:
    """Reads the labels by which prefixes grow.

    Args:
      model: the language model.
      reading: what it read before.
      sources: `[B, K]`, the prefixes that are kept.
      grows: `[B, K]` bool, whether they grow.
      labels: `[B, K]`, by which label.

    Returns:
      What it has read of the new prefixes.
    """
    rows = jnp.arange(len(sources))[:, None]
    before = reading.next_log_probs[rows, sources]
    own = jnp.take_along_axis(before, labels[..., None], axis=-1)[..., 0]
    carry = take_beams(batch_axes(model.layer, model.params), reading.carry, sources.T)
    carry, logits = jax.vmap(functools.partial(_step, model))(
        carry, jnp.where(grows, labels, 0).T, grows.T
    )
    after = jnp.swapaxes(jax.nn.log_softmax(logits), 0, 1)
    return Reading(
        carry,
        reading.log_probs[rows, sources] + jnp.where(grows, own, 0),
        jnp.where(grows[..., None], after, before),
    )


def _step(model, carry, tokens, mask):
    return model.layer.step(model.params, carry, tokens, mask=mask)
