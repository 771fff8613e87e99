"""Words by their characters."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Cell, Params, cached, check_positive
from rnnjax.layers.merging import keep_apart
from rnnjax.layers.recurrent import bidirectional
from rnnjax.layers.stack import stack
from rnnjax.layers.tokens import embed
from rnnjax.masking import check_marks


class Spelling(NamedTuple):
    """Vectors of words from their characters.

    Made by `spelling` and `spelling_convolution`.

    Attributes:
      init: `(key, num_characters) -> params`.
      apply: `(params, characters, first, last, *, mask=None) -> vectors`; see
        `spelling`.
    """

    init: Callable[..., Params]
    apply: Callable[..., Array]


@cached
def spelling(
    cell: Cell, backward_cell: Cell | None = None, *, embedding_size: int
) -> Spelling:
    """Makes a reader of words by the characters they are spelled with.

        vector of a word = [h→ at its last character; h← at its first one]

    The characters of all words of a sentence are one sequence, in which every word
    starts from the initial carry: `is_first` separates them. So one program reads words
    of any length, and a long word costs no padding in the others.

    Args:
      cell: reads forward, from vectors to vectors.
      backward_cell: reads backward; None: a second `cell`.
      embedding_size: width of the vectors of characters.

    Returns:
      The reader. Its `apply` takes `characters` `[C, ...batch]` integers, of all words
      one after the other, -1 where there is none; the places `first` and `last`
      `[T, ...batch]` of each word's first and last character; and `mask`
      `[T, ...batch]`, true at real words. It returns `[T, ..., size]`, zeros at masked
      words.

    Raises:
      ValueError: if `embedding_size` is not positive; in `apply`, if the characters are
        not integers, or the mask is not bool or has another shape.

    Example:
      The words "ab" and "b", and the same in the other order:

      >>> reader = spelling(rnnjax.gru(3), embedding_size=2)
      >>> params = reader.init(jax.random.key(0), 2)
      >>> ab_b = reader.apply(
      ...     params, jnp.array([0, 1, 1]), jnp.array([0, 2]), jnp.array([1, 2])
      ... )
      >>> b_ab = reader.apply(
      ...     params, jnp.array([1, 0, 1]), jnp.array([0, 1]), jnp.array([0, 2])
      ... )
      >>> bool(jnp.allclose(ab_b, b_ab[::-1]))
      True

    References:
      Ling et al., "Finding Function in Form: Compositional Character Models for Open
      Vocabulary Word Representation", EMNLP 2015, equation 3.
    """
    check_positive(embedding_size=embedding_size)
    both = bidirectional(cell, backward_cell, merge=keep_apart)
    layer = stack(embed(embedding_size), both)

    def apply(params, characters, first, last, *, mask=None):
        characters, real = check_characters(characters, first, mask)
        is_first = mark_places(first, real, characters.shape)
        _, (forward, backward) = layer.apply(
            params, None, characters, mask=characters >= 0, is_first=is_first
        )
        parts = _rows(forward, last, real), _rows(backward, first, real)
        return jnp.concatenate(parts, axis=-1)

    return Spelling(layer.init, apply)


def check_characters(characters, first, mask):
    """Returns the characters and the mask as arrays.

    Raises:
      ValueError: if the characters are not integers, or the mask is not bool or has
        another shape than `first`.
    """
    characters = jnp.asarray(characters)
    if not jnp.issubdtype(characters.dtype, jnp.integer):
        raise ValueError(f"characters must be integers, got {characters.dtype}.")
    check_marks("mask", mask, first.shape)
    real = jnp.ones(first.shape, bool) if mask is None else jnp.asarray(mask)
    return characters, real


def mark_places(places, real, shape):
    """Marks places `[T, ...batch]` along the first axis of `shape`, where real."""
    num_places = shape[0]

    def mark(places, real):
        outside = jnp.where(real, places, num_places)
        return jnp.zeros(num_places, bool).at[outside].set(True, mode="drop")

    for _ in shape[1:]:
        mark = jax.vmap(mark, in_axes=-1, out_axes=-1)
    return mark(places, real)


def _rows(values, places, real):
    """Reads `values` `[C, ..., size]` at places `[T, ...batch]`, zeros where masked."""
    places = jnp.where(real, places, 0)
    taken = jnp.take_along_axis(values, places[..., None], axis=0)
    return jnp.where(real[..., None], taken, 0)
