"""Tokens as vectors: an embedding, or one-hot."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.base import Array, Layer, cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.layers.causal import pointwise
from rnnjax.placement import sharding_of_rows


def embedding_lookup(table: Array, tokens: Array) -> Array:
    """Reads rows of a table.

    Args:
      table: `[vocab_size, size]`, floating.
      tokens: `[...]` integers.

    Returns:
      `[..., size]`; a row of NaN for a token outside the vocabulary, never another
      token's row.

    Raises:
      ValueError: if `tokens` are not integers.
    """
    if not jnp.issubdtype(tokens.dtype, jnp.integer):
        raise ValueError(f"inputs must be integer tokens, got {tokens.dtype}.")
    table = jnp.asarray(table)
    return table.at[tokens].get(
        mode="fill",
        fill_value=jnp.nan,
        wrap_negative_indices=False,
        out_sharding=sharding_of_rows(table, tokens),
    )


@cached
def embed(
    embedding_size: int,
    *,
    unknown: int | None = None,
    embedding_init: Initializer = initializers.variance_scaling(
        1.0, "fan_in", "normal", out_axis=0
    ),
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Layer:
    """Makes a layer that reads tokens `[T, ...]` as rows of a learned table.

    Args:
      embedding_size: width of a row.
      unknown: the token as which those beyond the vocabulary are read, such as words
        that `copying` has copied; None: they are read as rows of NaN.
      embedding_init: initializer of the table.
      dtype: dtype of the table.

    Returns:
      The layer, over a dict of `embedding` `[vocab_size, embedding_size]`; its
      `input_size` is the size of the vocabulary. See `embedding_lookup` for tokens
      outside it.

    Raises:
      ValueError: if `embedding_size` is not positive.
    """
    check_positive(embedding_size=embedding_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        return {"embedding": embedding_init(key, (input_size, embedding_size), dtype)}

    def rows(params, tokens):
        table = params["embedding"]
        if unknown is not None:
            tokens = jnp.where(tokens < len(table), tokens, unknown)
        return embedding_lookup(table, tokens)

    return pointwise(init, rows, input_ndim=0)


@cached
def one_hot(vocab_size: int, *, dtype: jax.typing.DTypeLike = jnp.float32) -> Layer:
    """Makes a layer that reads tokens `[T, ...]` as vectors with a single one.

    Args:
      vocab_size: number of tokens, the width of the outputs.
      dtype: dtype of the outputs.

    Returns:
      The layer, without parameters. See `embedding_lookup` for tokens outside the
      vocabulary.

    Raises:
      ValueError: if `vocab_size` is not positive, or `init` is given another one.
    """
    check_positive(vocab_size=vocab_size)

    def init(key, input_size):
        del key
        if input_size != vocab_size:
            raise ValueError(f"input_size must be {vocab_size}, got {input_size}.")
        return {}

    def rows(params, tokens):
        del params
        return embedding_lookup(jnp.eye(vocab_size, dtype=dtype), tokens)

    return pointwise(init, rows, input_ndim=0)
