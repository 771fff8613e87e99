"""The prefixes that a beam search over frames keeps, and how a frame changes them.

K prefixes are kept for each of B rows. No two of a row are equal: where a prefix grows
into one that is in the beam already, the probabilities are added. Which prefix begins
which other one is known exactly, without a comparison of whole prefixes.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.decoding.top_k import top_k


class Prefixes(NamedTuple):
    """The beam of every row.

    Attributes:
      tokens: `[B, K, L]` int32, zeros after the end.
      lengths: `[B, K]` int32.
      last: `[B, K]` int32, the last token; -1 if there is none.
      blank_log_probs: `[B, K]`, of the paths to the prefix that end in a blank; both
        are -inf where a place of the beam is empty.
      label_log_probs: `[B, K]`, of those that end in its last label.
      begins: `[B, K, K]` bool, at i, j: prefix i begins the longer prefix j.
      cut: `[B]` bool, whether a prefix of L tokens could not grow.
    """

    tokens: Array
    lengths: Array
    last: Array
    blank_log_probs: Array
    label_log_probs: Array
    begins: Array
    cut: Array


class Choice(NamedTuple):
    """What a frame keeps, `[B, K]` each.

    Attributes:
      sources: int32, the prefixes that are kept or grow.
      grows: bool, whether they grow by a label.
      labels: int32, the label.
    """

    sources: Array
    grows: Array
    labels: Array


class _Grown(NamedTuple):
    """The log-probabilities after a frame: of staying, `[B, K]`, and by label."""

    blank: Array
    label: Array
    by_label: Array


def only_the_empty_prefix(
    num_rows: int, beam_size: int, max_length: int, dtype: jax.typing.DTypeLike
) -> Prefixes:
    """Returns the beam before the first frame: one prefix without tokens."""
    shape = (num_rows, beam_size)
    nothing = jnp.full(shape, -jnp.inf, dtype)
    return Prefixes(
        tokens=jnp.zeros((*shape, max_length), jnp.int32),
        lengths=jnp.zeros(shape, jnp.int32),
        last=jnp.full(shape, -1, jnp.int32),
        blank_log_probs=nothing.at[:, 0].set(0),
        label_log_probs=nothing,
        begins=jnp.zeros((*shape, beam_size), bool),
        cut=jnp.zeros(num_rows, bool),
    )


def log_probs_of(prefixes: Prefixes) -> Array:
    """Returns the log-probabilities `[B, K]` of the prefixes, -inf where none is."""
    return jnp.logaddexp(prefixes.blank_log_probs, prefixes.label_log_probs)


def advance(
    prefixes: Prefixes,
    log_probs: Array,
    real: Array,
    blank: int,
    scores: Array,
    label_scores: Array,
) -> tuple[Prefixes, Choice]:
    """Reads a frame and keeps the K best prefixes.

    Args:
      prefixes: the beam before.
      log_probs: `[B, V]`, of the frame.
      real: `[B]` bool; rows whose frame is padding stay as they are.
      blank: index of the blank.
      scores: `[B, K]`, added to the log-probability of each prefix for the choice.
      label_scores: `[B, K, V]` or what broadcasts to it, of growing by a label.

    Returns:
      The beam after the frame, and where it came from.
    """
    grown = _merge(prefixes, _grow(prefixes, log_probs, blank))
    stays = jnp.logaddexp(grown.blank, grown.label) + scores
    grows = grown.by_label + scores[..., None] + label_scores
    num_rows, beam_size, vocab_size = grows.shape
    ranks = jnp.concatenate([stays, grows.reshape(num_rows, -1)], axis=-1)
    values, places = top_k(ranks, beam_size)
    is_new = places >= beam_size
    source, label = jnp.divmod(places - beam_size, vocab_size)
    unchanged = jnp.broadcast_to(jnp.arange(beam_size), places.shape)
    own = jnp.where(is_new, source, places)
    choice = Choice(
        jnp.where(real[:, None], own, unchanged), is_new & real[:, None], label
    )
    exists = (values > -jnp.inf) | ~real[:, None]
    return _keep(prefixes, grown, choice, exists, real), choice


def _grow(prefixes, log_probs, blank):
    """Returns the log-probabilities after a frame, equal prefixes apart."""
    total = log_probs_of(prefixes)
    labels = jnp.arange(log_probs.shape[-1])
    is_last = labels == prefixes.last[..., None]
    by_label = jnp.where(is_last, prefixes.blank_log_probs[..., None], total[..., None])
    full = prefixes.lengths == prefixes.tokens.shape[-1]
    refused = (labels == blank) | full[..., None]
    again = jnp.take_along_axis(log_probs, jnp.maximum(prefixes.last, 0), axis=-1)
    return _Grown(
        blank=total + log_probs[:, blank, None],
        label=prefixes.label_log_probs + again,
        by_label=jnp.where(refused, -jnp.inf, by_label + log_probs[:, None]),
    )


def _merge(prefixes, grown):
    """Adds what grows into a prefix of the beam to that prefix."""
    one_longer = prefixes.lengths[:, None, :] == prefixes.lengths[:, :, None] + 1
    is_parent = prefixes.begins & one_longer
    has_parent = is_parent.any(axis=1)
    parent = jnp.argmax(is_parent, axis=1)
    rows = jnp.arange(len(parent))[:, None]
    label = jnp.where(has_parent, grown.by_label[rows, parent, prefixes.last], -jnp.inf)
    nowhere = grown.by_label.shape[1]
    place = (rows, jnp.where(has_parent, parent, nowhere), prefixes.last)
    return grown._replace(
        label=jnp.logaddexp(grown.label, label),
        by_label=grown.by_label.at[place].set(-jnp.inf, mode="drop"),
    )


def _keep(prefixes, grown, choice, exists, real):
    """Returns the prefixes of a choice."""
    sources, grows, labels = choice
    rows = jnp.arange(len(sources))[:, None]

    def take(x):
        return x[rows, sources]

    def kept(new, old):
        return jnp.where(exists, jnp.where(real[:, None], new, old), -jnp.inf)

    lengths, tokens = take(prefixes.lengths), take(prefixes.tokens)
    at_end = jnp.arange(tokens.shape[-1]) == lengths[..., None]
    full = prefixes.lengths == tokens.shape[-1]
    stuck = full & (log_probs_of(prefixes) > -jnp.inf)
    return Prefixes(
        jnp.where(at_end & grows[..., None], labels[..., None], tokens),
        lengths + grows,
        jnp.where(grows, labels, take(prefixes.last)),
        kept(jnp.where(grows, -jnp.inf, take(grown.blank)), prefixes.blank_log_probs),
        kept(
            jnp.where(grows, grown.by_label[rows, sources, labels], take(grown.label)),
            prefixes.label_log_probs,
        ),
        _begins(prefixes, choice) & exists[:, :, None] & exists[:, None, :],
        prefixes.cut | (real & stuck.any(axis=-1)),
    )


def _begins(prefixes, choice):
    """Finds which of the chosen prefixes begins which other one.

    If i stays, it begins what its source began, and what grew out of its source. If i
    grows, it begins those that its source began, where its label is what comes next.
    It is none of those itself, since such a growth was merged.
    """
    sources, grows, labels = choice
    rows = jnp.arange(len(sources))[:, None, None]
    i, j = sources[:, :, None], sources[:, None, :]
    began = prefixes.begins[rows, i, j]
    end = jnp.minimum(prefixes.lengths[rows, i], prefixes.tokens.shape[-1] - 1)
    follows = prefixes.tokens[rows, j, end] == labels[:, :, None]
    grew_out = (i == j) & grows[:, None, :]
    return jnp.where(grows[:, :, None], began & follows, began | grew_out)
