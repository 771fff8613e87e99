"""Baselines that know which words a text has, but not their order."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from rnnjax.base import Array
from rnnjax.layers import embedding_lookup

BAGS = ("bag_of_words", "tf_idf")  # the models that read a `Bag`


class Bag(NamedTuple):
    """The words of texts without their order, batch first.

    Attributes:
      tokens: `[B, T]`, each word of a text once.
      counts: `[B, T]` float32, how often it occurs.
    """

    tokens: Array | np.ndarray
    counts: Array | np.ndarray


class BagOfWords(nnx.Module):
    """Linear scores of the words of a text: logistic regression.

        scores = Σ_w x_w V[w] + b       over the words w of the text

    A word that occurs counts as 1, however often. With weights (tf-idf) it counts as

        x_w ∝ (1 + log n_w) idf[w],     Σ_w x_w² = 1

    with the number n_w of its occurrences.

    Attributes:
      kernel: V, `[vocab_size, num_outputs]`.
      bias: b.
      idf: `[vocab_size]`, which is not trained; None: all words count alike.

    Args:
      vocab_size: number of words.
      num_outputs: number of scores.
      idf: see `inverse_frequencies`.

    References:
      Pang, Lee and Vaithyanathan, "Thumbs up? Sentiment Classification using Machine
      Learning Techniques", EMNLP 2002: whether a word occurs tells more than how often.
      Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988.
    """

    def __init__(
        self, vocab_size: int, num_outputs: int, idf: np.ndarray | None = None
    ):
        self.kernel = nnx.Param(jnp.zeros((vocab_size, num_outputs)))
        self.bias = nnx.Param(jnp.zeros(num_outputs))
        self.idf = None if idf is None else nnx.Param(jnp.asarray(idf))

    def __call__(self, bag: Bag, *, mask: Array, key: Array | None = None) -> Array:
        """Scores texts, `[B, num_outputs]`; `mask` `[B, T]` is true at words."""
        del key
        values = jnp.where(mask, 1.0, 0.0)
        if self.idf is not None:
            idf = jax.lax.stop_gradient(self.idf[...])[bag.tokens]
            tf = 1 + jnp.log(jnp.maximum(bag.counts, 1))
            values = jnp.where(mask, tf * idf, 0.0)
            norms = jnp.sqrt((values**2).sum(axis=-1, keepdims=True))
            values /= jnp.maximum(norms, 1e-6)
        rows = embedding_lookup(self.kernel[...], jnp.asarray(bag.tokens))
        return (values[..., None] * rows).sum(axis=-2) + self.bias[...]


def inverse_frequencies(texts: Sequence[np.ndarray], vocab_size: int) -> np.ndarray:
    """Computes idf[w] = log((1 + N) / (1 + number of texts with w)) + 1, of N texts.

    Args:
      texts: the words of each text as numbers.
      vocab_size: number of words.

    Returns:
      `[vocab_size]` float32.

    Example:
      >>> inverse_frequencies([np.array([0, 1, 1]), np.array([0])], 3).round(2)
      array([1.  , 1.41, 2.1 ], dtype=float32)
    """
    counts = np.zeros(vocab_size, np.int64)
    for tokens in texts:
        counts[np.unique(tokens)] += 1
    return (np.log((1 + len(texts)) / (1 + counts)) + 1).astype(np.float32)


def count_words(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the words of a text, each once, and how often each occurs."""
    words, counts = np.unique(tokens, return_counts=True)
    return words.astype(np.int32), counts.astype(np.float32)
