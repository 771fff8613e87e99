"""The recognizer of speech or handwriting as an NNX module."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from rnnjax.base import Array, Layer
from rnnjax.layers.recognizer import Recognized
from rnnjax.layers.recognizer import Recognizer as Functions
from rnnjax.losses.ctc import AlignmentLoss


class Recognizer(nnx.Module):
    """The recognizer of `rnnjax.layers.recognizer` as an NNX module, batch first.

    Attributes:
      functions: the recognizer as functions, time first.
      params: its parameters, with an `nnx.Param` for every leaf.

    Args:
      functions: what `rnnjax.layers.recognizer` makes.
      input_size: width of a frame.
      rngs: the parameters are drawn from its stream `params`; or a key.

    Example:
      >>> from flax import nnx
      >>> from rnnjax.layers import recognizer
      >>> functions = recognizer(rnnjax.recurrent(rnnjax.gru(4)), 5, subsampling=2)
      >>> model = Recognizer(functions, 3, rngs=nnx.Rngs(0))
      >>> frames = jax.random.normal(jax.random.key(1), (2, 8, 3))
      >>> model(frames)[0].shape
      (2, 4, 5)
      >>> whole, first = model.greedy(frames), model.greedy(frames[:, :4])
      >>> second = model.greedy(frames[:, 4:], first.carry)
      >>> bool((first.lengths + second.lengths == whole.lengths).all())
      True
    """

    def __init__(
        self, functions: Functions, input_size: int, *, rngs: nnx.Rngs | jax.Array
    ):
        self.functions = functions
        key = rngs.params() if isinstance(rngs, nnx.Rngs) else rngs
        params = functions.init(key, input_size)
        self.params = nnx.data(jax.tree.map(nnx.Param, params))

    @property
    def layer(self) -> Layer:
        """The encoder, over `nnx.as_pure(params)["encoder"]`, after subsampling."""
        return self.functions.encoder

    def __call__(
        self, frames: Array, *, mask: Array | None = None, key: Array | None = None
    ) -> tuple[Array, Array | None]:
        """Encodes sequences of frames.

        Args:
          frames: `[B, T, input_size]`.
          mask: `[B, T]` bool, true at real frames; None if all are.
          key: the source of randomness, for dropout; None: there is none.

        Returns:
          The logits of CTC `[B, ceil(T / subsampling), num_symbols]`, or of a
          transducer what is joined with its prediction; and the mask of these steps.
        """
        _, outputs, mask = self.functions.encode(
            nnx.as_pure(self.params), _swapped(frames), mask=_swapped(mask), key=key
        )
        return _swapped(outputs), _swapped(mask)

    def loss(
        self,
        frames: Array,
        targets: Array,
        *,
        mask: Array | None = None,
        target_mask: Array | None = None,
        key: Array | None = None,
    ) -> AlignmentLoss:
        """Computes -log p(targets), summed over all alignments.

        Args:
          frames: `[B, T, input_size]`.
          targets: `[B, N]` integers, none of them the blank.
          mask: `[B, T]` bool, true at real frames; None if all are.
          target_mask: `[B, N]` bool, true at real targets; None if all are.
          key: the source of randomness, for dropout; None: there is none.

        Returns:
          The loss and where it is feasible, `[B]` both.
        """
        return self.functions.loss(
            nnx.as_pure(self.params),
            _swapped(frames),
            _swapped(targets),
            mask=_swapped(mask),
            target_mask=_swapped(target_mask),
            key=key,
        )

    def greedy(
        self, frames: Array, carry: Any = None, *, mask: Array | None = None
    ) -> Recognized:
        """Decodes the best symbol of every step.

        Args:
          frames: `[B, T, input_size]`, or a chunk of a stream whose length is, unless
            it is the last, a multiple of the subsampling.
          carry: what the chunk before returned; None: there is none.
          mask: `[B, T]` bool, true at real frames; None if all are.

        Returns:
          The symbols, batch first: tokens and frames `[B, L]`.

        Raises:
          ValueError: if a carry is given and the encoder is not causal.
        """
        found = self.functions.greedy(
            nnx.as_pure(self.params), _swapped(frames), carry, mask=_swapped(mask)
        )
        return found._replace(
            tokens=_swapped(found.tokens), frames=_swapped(found.frames)
        )


def _swapped(tree: Any) -> Any:
    return jax.tree.map(lambda x: jnp.swapaxes(jnp.asarray(x), 0, 1), tree)
