"""The encoder and decoder as an NNX module."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from rnnjax.base import Array, Carry, Layer, Params
from rnnjax.layers.encoder_decoder import Encoded
from rnnjax.layers.encoder_decoder import EncoderDecoder as Functions


class EncoderDecoder(nnx.Module):
    """The model of `encoder_decoder` as an NNX module, batch first.

    Training calls the module; decoding encodes once and hands the decoder over:

        encoded = model.encode(source, mask=mask)
        params, carry = model.begin(encoded)
        found = beam_search(model.layer, params, start, num_steps, carry=carry, ...)

    `generate` and `beam_search` are time first, as all that is functional.

    Attributes:
      functions: the model as functions, time first.
      params: its parameters, with an `nnx.Param` for every leaf.

    Args:
      functions: what `rnnjax.layers.encoder_decoder` makes.
      source_size: number of tokens that the encoder reads, or the width of vectors.
      target_size: the same of the decoder.
      rngs: the parameters are drawn from its stream `params`; or a key.

    Example:
      >>> from flax import nnx
      >>> from rnnjax.attention import additive, attend_before
      >>> from rnnjax.layers import encoder_decoder, language_model
      >>> encoder = rnnjax.stack(rnnjax.embed(4), rnnjax.bidirectional(rnnjax.gru(5)))
      >>> cell = attend_before(rnnjax.gru(6), additive(3), memory_size=10)
      >>> decoder = language_model(7, [cell], embedding_size=4)
      >>> functions = encoder_decoder(encoder, decoder)
      >>> model = EncoderDecoder(functions, 9, 7, rngs=nnx.Rngs(0))
      >>> source, inputs = jnp.ones((2, 8), int), jnp.ones((2, 3), int)
      >>> mask = rnnjax.lengths_to_mask(jnp.array([8, 5]), 8).T
      >>> model(source, inputs, source_mask=mask).shape
      (2, 3, 7)
    """

    def __init__(
        self,
        functions: Functions,
        source_size: Any,
        target_size: Any,
        *,
        rngs: nnx.Rngs | jax.Array,
    ):
        self.functions = functions
        key = rngs.params() if isinstance(rngs, nnx.Rngs) else rngs
        params = functions.init(key, source_size, target_size)
        self.params = nnx.data(jax.tree.map(nnx.Param, params))

    @property
    def layer(self) -> Layer:
        """The decoder, for `generate` and `beam_search`."""
        return self.functions.decoder

    def __call__(
        self,
        source: Any,
        inputs: Any,
        *,
        source_mask: Array | None = None,
        copied: Array | None = None,
        mask: Array | None = None,
        key: Array | None = None,
    ) -> Any:
        """Predicts every target from those before it and the source.

        Args:
          source: tokens `[B, S]`, or vectors.
          inputs: `[B, T]`, the targets shifted by one step, behind a start symbol.
          source_mask: `[B, S]` bool, true at real tokens; None if all are.
          copied: `[B, S]`, the source in the decoder's numbers, for one that copies;
            None: both number tokens alike.
          mask: `[B, T]` bool, true at real inputs.
          key: the source of randomness, for dropout; None: there is none.

        Returns:
          The decoder's outputs, logits `[B, T, target_size]` of a language model;
          zeros at masked steps.
        """
        outputs = self.functions.apply(
            nnx.as_pure(self.params),
            _swapped(source),
            _swapped(inputs),
            source_mask=_swapped(source_mask),
            copied=_swapped(copied),
            mask=_swapped(mask),
            key=key,
        )
        return _swapped(outputs)

    def encode(
        self, source: Any, *, mask: Array | None = None, copied: Array | None = None
    ) -> Encoded:
        """Reads sources `[B, S]`, see the call; the result is time first."""
        params = nnx.as_pure(self.params)
        source, mask, copied = map(_swapped, (source, mask, copied))
        return self.functions.encode(params, source, mask=mask, copied=copied)

    def begin(self, encoded: Encoded) -> tuple[Params, Carry]:
        """Returns the parameters of `layer` with the memory bound, and its carry."""
        return self.functions.begin(nnx.as_pure(self.params), encoded)


def _swapped(tree: Any) -> Any:
    return jax.tree.map(lambda x: jnp.swapaxes(jnp.asarray(x), 0, 1), tree)
