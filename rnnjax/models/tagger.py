"""The tagger as an NNX module: a tag per word, and optionally a label per sentence."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from rnnjax.base import Array, Cell, Layer, check_positive
from rnnjax.decoding.crf import viterbi
from rnnjax.layers import bidirectional, dense, dropout, embed, mean_pool, stack
from rnnjax.layers.spelling import Spelling
from rnnjax.losses.crf import CRF, crf_marginals
from rnnjax.models.recurrent import Recurrent


class Words(NamedTuple):
    """Sentences as a tagger reads them, batch first.

    Attributes:
      tokens: `[B, T]` integers, a number per word.
      characters: `[B, C]` integers, the characters of all words one after the other, -1
        where there is none; None if words are not spelled.
      first: `[B, T]`, the place of each word's first character.
      last: `[B, T]`, that of its last one.
      features: `[B, T, F]` integers, what else is known of each word; None: nothing.
    """

    tokens: Array | np.ndarray
    characters: Array | np.ndarray | None = None
    first: Array | np.ndarray | None = None
    last: Array | np.ndarray | None = None
    features: Array | np.ndarray | None = None


class TagScores(NamedTuple):
    """What a tagger makes of sentences.

    Attributes:
      emissions: `[B, T, num_tags]`, logits of a softmax or the emissions of a CRF.
      label_logits: `[B, num_labels]`; None if sentences have no label.
    """

    emissions: Array
    label_logits: Array | None


class Tagger(nnx.Module):
    """A bidirectional network that tags every word.

        xₜ = D([E[wordₜ]; spelling of wordₜ; F₁[featureₜ₁]; F₂[featureₜ₂]; ...])
        hₜ = the layers of both directions over x, with D after each
        emissionsₜ = K hₜ + b
        label logits = L mean(h) + l

    D is dropout. The tags are independent given h, a softmax of the emissions; with a
    CRF they are not, and the best sequence as a whole is chosen.

    Attributes:
      words, spelling, features, body, tags, labels: the parts; None where not asked
        for.
      crf: the CRF; None: a softmax.
      crf_params: its parameters.

    Args:
      vocab_size: number of words.
      layers: cells, each read in both directions, and layers as they are.
      num_tags: number of tags.
      embedding_size: width of E.
      spelling: reads the characters of words.
      num_characters: number of characters; needed with `spelling`.
      feature_sizes: number of values of every further feature of a word, such as its
        part of speech.
      feature_embedding_size: width of each F.
      crf: a CRF over the tags; None: a softmax.
      num_labels: number of labels of a sentence; None: it has none.
      dropout_rate: the probability of zeroing; without a key nothing is dropped.
      rngs: the parameters are drawn from its stream `params`.

    Raises:
      ValueError: if a size is not positive, there is no layer, `spelling` and
        `num_characters` do not come together, or the CRF is of another number of tags.

    Example:
      >>> from flax import nnx
      >>> from rnnjax.losses.crf import crf
      >>> model = Tagger(
      ...     9, [rnnjax.lstm(4)], 3, embedding_size=5, crf=crf(3), rngs=nnx.Rngs(0)
      ... )
      >>> words = Words(jnp.array([[1, 2, 3, 0]]))
      >>> model.predict(words, mask=jnp.array([[True, True, True, False]])).shape
      (1, 4)

    References:
      Huang, Xu and Yu, "Bidirectional LSTM-CRF Models for Sequence Tagging", 2015;
      Lample et al., "Neural Architectures for Named Entity Recognition", NAACL 2016.
    """

    def __init__(
        self,
        vocab_size: int,
        layers: Sequence[Cell | Layer],
        num_tags: int,
        *,
        embedding_size: int,
        spelling: Spelling | None = None,
        num_characters: int | None = None,
        feature_sizes: Sequence[int] = (),
        feature_embedding_size: int = 16,
        crf: CRF | None = None,
        num_labels: int | None = None,
        dropout_rate: float = 0.0,
        rngs: nnx.Rngs,
    ):
        check_positive(vocab_size=vocab_size, num_tags=num_tags)
        if not layers:
            raise ValueError("layers must be at least one, got none.")
        if (spelling is None) != (num_characters is None):
            raise ValueError(
                "num_characters must be given with spelling and only then, "
                f"got {num_characters}."
            )
        if crf is not None and crf.num_tags != num_tags:
            raise ValueError(f"crf must be of {num_tags} tags, got {crf.num_tags}.")
        self.words = Recurrent(embed(embedding_size), vocab_size, rngs=rngs)
        self.spelling = spelling
        spelling_params = spelling and spelling.init(rngs.params(), num_characters)
        self.spelling_params = _as_params(spelling_params)
        size = embedding_size
        if spelling is not None:
            size += _spelled_size(spelling, spelling_params)
        # One table holds the values of all features, those of the first one first.
        self.feature_starts = tuple(np.cumsum([0, *feature_sizes[:-1]]).tolist())
        self.features = (
            Recurrent(embed(feature_embedding_size), sum(feature_sizes), rngs=rngs)
            if feature_sizes
            else None
        )
        size += len(feature_sizes) * feature_embedding_size
        drop = [dropout(dropout_rate)] if dropout_rate else []
        body: list[Layer] = [*drop]
        for layer in layers:
            body += [bidirectional(layer) if isinstance(layer, Cell) else layer, *drop]
        self.body = Recurrent(stack(*body), size, rngs=rngs)
        width = _output_size(self.body, size)
        self.tags = Recurrent(dense(num_tags), width, rngs=rngs)
        self.labels = (
            None
            if num_labels is None
            else Recurrent(dense(num_labels), width, rngs=rngs)
        )
        self.crf = crf
        self.crf_params = _as_params(crf and crf.init(rngs.params()))

    def __call__(
        self, words: Words, *, mask: Array | None = None, key: Array | None = None
    ) -> TagScores:
        """Scores the tags of every word.

        Args:
          words: the sentences.
          mask: `[B, T]` bool, true at real words; None if all are.
          key: the source of randomness, for dropout; None: there is none.

        Returns:
          The scores; emissions are zeros at masked words.
        """
        _, x = self.words(words.tokens, mask=mask)
        if self.spelling is not None:
            x = jnp.concatenate([x, self._spell(self.spelling, words, mask)], axis=-1)
        if self.features is not None:
            features = self._read_features(self.features, words.features, mask)
            x = jnp.concatenate([x, features], axis=-1)
        _, h = self.body(x, mask=mask, key=key)
        _, emissions = self.tags(h, mask=mask)
        if self.labels is None:
            return TagScores(emissions, None)
        pooled = mean_pool(*_time_first(h, mask))
        _, label_logits = self.labels(pooled[:, None])
        return TagScores(emissions, label_logits[:, 0])

    def predict(self, words: Words, *, mask: Array | None = None) -> Array:
        """Returns the best tags `[B, T]`, int32; 0 at masked words."""
        return self.best_tags(self(words, mask=mask).emissions, mask=mask)

    def best_tags(self, emissions: Array, *, mask: Array | None = None) -> Array:
        """Returns the best tags `[B, T]`, int32, given the emissions of a call."""
        if self.crf is None:
            return jnp.argmax(emissions, axis=-1).astype(jnp.int32)
        args = self.crf, nnx.as_pure(self.crf_params), *_time_first(emissions, mask)
        return jnp.swapaxes(viterbi(*args).tags, 0, 1)

    def probabilities(self, emissions: Array, *, mask: Array | None = None) -> Array:
        """Returns the probability of every tag, given the emissions of a call.

        Those of a CRF are marginals: of all sequences with this tag at this word.

        Args:
          emissions: `[B, T, num_tags]`.
          mask: `[B, T]` bool, true at real words; None if all are.

        Returns:
          `[B, T, num_tags]`, which sum to 1 at real words.
        """
        if self.crf is None:
            return jax.nn.softmax(emissions)
        args = self.crf, nnx.as_pure(self.crf_params), *_time_first(emissions, mask)
        return jnp.swapaxes(crf_marginals(*args), 0, 1)

    def _spell(self, reader, words, mask):
        if words.characters is None:
            raise ValueError("words must have characters, got None.")
        places = words.characters, words.first, words.last
        *places, time_mask = _time_first(*places, mask)
        params = nnx.as_pure(self.spelling_params)
        vectors = reader.apply(params, *places, mask=time_mask)
        return jnp.swapaxes(vectors, 0, 1)

    def _read_features(self, reader, features, mask):
        num_features = len(self.feature_starts)
        if features is None or features.shape[2:] != (num_features,):
            got = None if features is None else features.shape
            raise ValueError(
                f"words.features must have shape [B, T, {num_features}], got {got}."
            )
        B, T, F = features.shape
        tokens = (features + jnp.array(self.feature_starts)).reshape(B, T * F)
        if mask is not None:
            mask = jnp.repeat(mask, F, axis=1)
        return reader(tokens, mask=mask)[1].reshape(B, T, -1)


def _time_first(*batches: Any) -> list[Any]:
    """Swaps the axes of batch and time; None stays None."""
    return [None if x is None else jnp.swapaxes(x, 0, 1) for x in batches]


def _as_params(tree: Any) -> Any:
    """Makes the leaves of a pytree parameters of a module; None stays None."""
    return None if tree is None else nnx.data(jax.tree.map(nnx.Param, tree))


def _spelled_size(spelling, params):
    place = jnp.zeros(1, jnp.int32)
    vectors = jax.eval_shape(spelling.apply, params, place, place, place)
    return vectors.shape[-1]


def _output_size(module, input_size):
    def outputs(params):
        return module.layer.apply(params, None, jnp.zeros((1, input_size)))[1]

    return jax.eval_shape(outputs, nnx.as_pure(module.params)).shape[-1]
