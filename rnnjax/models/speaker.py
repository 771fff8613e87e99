"""The speaker as an NNX module."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from rnnjax.base import Array, Layer
from rnnjax.layers.speaker import SpeakerFunctions, Spoken


class Speaker(nnx.Module):
    """The model of `rnnjax.layers.speaker` as an NNX module, batch first.

    Attributes:
      functions: the model as functions, time first.
      params: its parameters, with an `nnx.Param` for every leaf.

    Args:
      functions: what `rnnjax.layers.speaker` makes.
      num_symbols: number of different symbols of a text.
      rngs: the parameters are drawn from its stream `params`; or a key.

    Example:
      >>> from flax import nnx
      >>> from rnnjax.attention import attend_before, location_aware
      >>> from rnnjax.layers import speaker
      >>> encoder = rnnjax.stack(rnnjax.embed(4), rnnjax.bidirectional(rnnjax.gru(3)))
      >>> cell = attend_before(rnnjax.gru(8), location_aware(5, 3, 2), memory_size=6)
      >>> model = Speaker(speaker(encoder, cell, num_bands=7), 9, rngs=nnx.Rngs(0))
      >>> text, frames = jnp.array([[1, 4, 2]]), jnp.ones((1, 5, 7))
      >>> model.loss(text, frames).shape, model.speak(text, 8).frames.shape
      ((1,), (1, 8, 7))
    """

    def __init__(
        self,
        functions: SpeakerFunctions,
        num_symbols: int,
        *,
        rngs: nnx.Rngs | jax.Array,
    ):
        self.functions = functions
        key = rngs.params() if isinstance(rngs, nnx.Rngs) else rngs
        params = functions.init(key, num_symbols)
        self.params = nnx.data(jax.tree.map(nnx.Param, params))

    @property
    def layer(self) -> Layer:
        """The decoder, over [frames of a group; stop bit]."""
        return self.functions.decoder

    def __call__(
        self,
        text: Array,
        frames: Array,
        *,
        text_mask: Array | None = None,
        mask: Array | None = None,
        key: Array | None = None,
    ) -> tuple[Array, Array]:
        """Predicts every group of frames from those before it and the text.

        Args:
          text: `[B, S]` int.
          frames: `[B, T, num_bands]`.
          text_mask: `[B, S]` bool, true at real symbols; None if all are.
          mask: `[B, T]` bool, true at real frames, which come first; None if all are.
          key: the source of randomness, for dropout; None: there is none.

        Returns:
          The groups `[B, T', num_together * num_bands]` and the logits of their stop
          bits `[B, T']`; zeros at padding.
        """
        return _swapped(self._run("apply", text, frames, text_mask, mask, key))

    def loss(
        self,
        text: Array,
        frames: Array,
        *,
        text_mask: Array | None = None,
        mask: Array | None = None,
        key: Array | None = None,
    ) -> Array:
        """Computes the error of frames and stop bits, `[B]`, see the call."""
        return self._run("loss", text, frames, text_mask, mask, key)

    def speak(
        self, text: Array, num_frames: int, *, text_mask: Array | None = None
    ) -> Spoken:
        """Says texts `[B, S]`, in at most so many frames; batch first."""
        found = self.functions.speak(
            nnx.as_pure(self.params),
            _swapped(text),
            num_frames,
            text_mask=_swapped(text_mask),
        )
        return found._replace(frames=_swapped(found.frames))

    def _run(self, name, text, frames, text_mask, mask, key):
        return getattr(self.functions, name)(
            nnx.as_pure(self.params),
            _swapped(text),
            _swapped(frames),
            text_mask=_swapped(text_mask),
            mask=_swapped(mask),
            key=key,
        )


def _swapped(tree: Any) -> Any:
    return jax.tree.map(lambda x: jnp.swapaxes(jnp.asarray(x), 0, 1), tree)
