"""Words by the groups of characters in them."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.base import cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.layers.spelling import Spelling, check_characters, mark_places
from rnnjax.layers.tokens import embed
from rnnjax.masking import pad_time
from rnnjax.products import matmul


@cached
def spelling_convolution(
    window: int,
    output_size: int,
    *,
    embedding_size: int,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Spelling:
    """Makes a reader of words by the groups of characters that they contain.

        yᵢ = Σₖ E[cᵢ₊ₖ] Kₖ + b,   k = -(window-1)/2 ... (window-1)/2
        vector of a word = max over its characters i of yᵢ, entry by entry

    Characters of other words count as zeros. The characters of all words of a sentence
    are one sequence, so one program reads words of any length.

    Args:
      window: number of characters in a group, odd.
      output_size: width of the vectors of words.
      embedding_size: width of the vectors of characters.
      kernel_init: initializer of all K at once, `[window * embedding_size,
        output_size]`.
      bias_init: initializer of b.
      dtype: dtype of K and b.

    Returns:
      The reader, whose `apply` is that of `spelling`.

    Raises:
      ValueError: if a size is not positive, or `window` is even; in `apply`, as that of
        `spelling`.

    Example:
      The words "ab" and "b", and the same in the other order:

      >>> reader = spelling_convolution(3, 4, embedding_size=2)
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
      Ma and Hovy, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF", ACL
      2016, section 2.1; without dropout of the characters' vectors.
    """
    check_positive(
        window=window, output_size=output_size, embedding_size=embedding_size
    )
    if window % 2 == 0:
        raise ValueError(f"window must be odd, got {window}.")
    table = embed(embedding_size)

    def init(key, num_characters):
        table_key, kernel_key, bias_key = jax.random.split(key, 3)
        shape = window * embedding_size, output_size
        return {
            "characters": table.init(table_key, num_characters),
            "kernel": kernel_init(kernel_key, shape, dtype),
            "bias": bias_init(bias_key, (output_size,), dtype),
        }

    def apply(params, characters, first, last, *, mask=None):
        del last  # a word goes on until the next one begins
        characters, real = check_characters(characters, first, mask)
        is_real = characters >= 0
        _, x = table.apply(params["characters"], None, characters, mask=is_real)
        word = jnp.cumsum(mark_places(first, real, characters.shape), axis=0) - 1
        word = jnp.where(is_real, word, -1)
        y = matmul(_groups(x, word, window), params["kernel"]) + params["bias"]

        def pool(y, word, real):
            return _max_of_each(y, word, len(real), real)

        for _ in real.shape[1:]:
            pool = jax.vmap(pool, in_axes=(-2, -1, -1), out_axes=-2)
        return pool(y, word, real)

    return Spelling(init, apply)


def _groups(x, word, window):
    """Puts the neighbours of each character in its word side by side."""
    reach = window // 2
    padded = pad_time(x, reach, reach)
    words = pad_time(word + 1, reach, reach) - 1  # outside is -1, no word
    taps = []
    for k in range(window):
        neighbour = words[k : k + len(word)]
        is_inside = (neighbour == word) & (word >= 0)
        taps.append(jnp.where(is_inside[..., None], padded[k : k + len(word)], 0))
    return jnp.concatenate(taps, axis=-1)


def _max_of_each(y, word, num_words, real):
    """Returns the maximum over each word's rows of `y`, zeros where none is real.

    The gradient goes to the first row of the largest value.
    """
    word = jnp.where(word >= 0, word, num_words)  # past the end: left out
    fixed = jax.lax.stop_gradient(y)
    largest = jnp.full((num_words, y.shape[-1]), -jnp.inf, y.dtype)
    largest = largest.at[word].max(fixed, mode="drop")
    rows = jnp.arange(len(y))[:, None]
    wins = fixed == largest.at[word].get(mode="fill", fill_value=jnp.inf)
    places = jnp.full(largest.shape, len(y) - 1)
    places = places.at[word].min(jnp.where(wins, rows, len(y) - 1), mode="drop")
    return jnp.where(real[:, None], jnp.take_along_axis(y, places, axis=0), 0)
