"""The classifier of clips as an NNX module: a convolution per frame, then a cell."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from rnnjax.base import Array, Cell, check_positive
from rnnjax.layers import dense, dropout, last_step, stack
from rnnjax.layers.recurrent import recurrent
from rnnjax.masking import check_marks, zero_masked
from rnnjax.models.patch_convolution import patch_convolution
from rnnjax.models.recurrent import Recurrent


class FrameClassifier(nnx.Module):
    """A convolutional network reads each frame, a cell reads what it makes of them.

        zₜ = flatten(relu(conv(... relu(conv(frameₜ)) ...)))
        hₜ = cell(hₜ₋₁, D(zₜ))
        logits = K D(h of the last frame) + b

    D is dropout. Each convolution has a kernel of 3 by 3 and a stride of 2.

    Attributes:
      convolutions: the convolutions, from the frame on.
      body: dropout, the cell, and dropout.
      labels: the affine map to the logits.

    Args:
      frame_shape: height and width of the frames.
      cell: the cell that reads the vectors of the frames.
      num_labels: number of labels.
      channels: number of channels of each convolution.
      dropout_rate: the probability of zeroing; without a key nothing is dropped.
      rngs: the parameters are drawn from its stream `params`.

    Raises:
      ValueError: if a size is not positive or there is no convolution.

    Example:
      >>> from flax import nnx
      >>> model = FrameClassifier((8, 6), rnnjax.lstm(5), 3, rngs=nnx.Rngs(0))
      >>> model(jnp.zeros((2, 7, 8, 6))).shape
      (2, 3)

    References:
      Donahue et al., "Long-term Recurrent Convolutional Networks for Visual
      Recognition and Description", CVPR 2015, which averages over the frames instead.
    """

    def __init__(
        self,
        frame_shape: tuple[int, int],
        cell: Cell,
        num_labels: int,
        *,
        channels: Sequence[int] = (8, 16, 32),
        dropout_rate: float = 0.0,
        rngs: nnx.Rngs,
    ):
        height, width = frame_shape
        check_positive(height=height, width=width, num_labels=num_labels)
        if not channels:
            raise ValueError("channels must hold a size, got none.")
        sizes = [1, *channels]
        self.convolutions = nnx.List(
            nnx.Conv(
                before,
                after,
                (3, 3),
                strides=2,
                conv_general_dilated=patch_convolution,
                rngs=rngs,
            )
            for before, after in zip(sizes, channels)
        )
        for _ in channels:
            height, width = -(-height // 2), -(-width // 2)
        drop = [dropout(dropout_rate)] if dropout_rate else []
        body = stack(*drop, recurrent(cell), *drop)
        self.body = Recurrent(body, height * width * sizes[-1], rngs=rngs)
        hidden = jax.eval_shape(self._read, jnp.zeros((1, 1, *frame_shape)), None, None)
        self.labels = Recurrent(dense(num_labels), hidden.shape[-1], rngs=rngs)

    def __call__(
        self, frames: Array, *, mask: Array | None = None, key: Array | None = None
    ) -> Array:
        """Scores the labels of clips.

        Args:
          frames: `[B, T, height, width]`, of any dtype.
          mask: `[B, T]` bool, true at real frames; None if all are.
          key: the source of randomness, for dropout; None: there is none.

        Returns:
          `[B, num_labels]`, logits.

        Raises:
          ValueError: if the mask is not bool or not of the shape of the clips.
        """
        check_marks("mask", mask, frames.shape[:2])
        h = jnp.swapaxes(self._read(frames, mask, key), 0, 1)
        time_mask = None if mask is None else jnp.swapaxes(mask, 0, 1)
        _, logits = self.labels(last_step(h, time_mask)[:, None])
        return logits[:, 0]

    def _read(self, frames, mask, key):
        dtype = self.convolutions[0].kernel[...].dtype
        frames = zero_masked(mask, jnp.asarray(frames)).astype(dtype)
        x = frames.reshape(-1, *frames.shape[2:], 1)
        for convolution in self.convolutions:
            x = jax.nn.relu(convolution(x))
        _, h = self.body(x.reshape(*frames.shape[:2], -1), mask=mask, key=key)
        return h
