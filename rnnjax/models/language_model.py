"""The language model as an NNX module."""

from collections.abc import Sequence
from typing import Any

import jax
from flax import nnx

from rnnjax.base import Cell, Layer
from rnnjax.layers.language_model import language_model
from rnnjax.models.recurrent import Recurrent


class LanguageModel(Recurrent):
    """The layer of `language_model` as an NNX module, batch first.

    It maps tokens `[B, T]` to the carry and logits `[B, T, vocab_size]`; see
    `Recurrent` for the call and for `layer` and `params`, the same as time-first
    functions. The losses of rnnjax that sum over time are time first: swap the first
    two axes of the logits and of the targets.

    Args:
      vocab_size: number of tokens.
      cells: the stack; the first one reads the vectors of the tokens.
      rngs: the parameters are drawn from its stream `params`; or a key, with which they
        are those of the layer's `init(key)`.
      **options: those of `language_model`, by name.

    Example:
      >>> from flax import nnx
      >>> model = LanguageModel(
      ...     6, [rnnjax.gru(5)], embedding_size=5, tie_weights=True, rngs=nnx.Rngs(0)
      ... )
      >>> carry, logits = model(jnp.zeros((2, 7), int))
      >>> logits.shape
      (2, 7, 6)
    """

    def __init__(
        self,
        vocab_size: int,
        cells: Sequence[Cell | Layer],
        *,
        rngs: nnx.Rngs | jax.Array,
        **options: Any,
    ):
        layer = language_model(vocab_size, cells, **options)
        super().__init__(layer, vocab_size, rngs=rngs)
