"""The forecaster of frames as an NNX module."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn import initializers

from rnnjax.base import Array, Cell, Layer, check_positive
from rnnjax.layers import dense, recurrent, skip_to_output, stack
from rnnjax.layers.causal import causal_layer, pointwise
from rnnjax.models.recurrent import Recurrent


class FrameForecaster(nnx.Module):
    """Cells over a plane predict each frame from those before, then from forecasts.

        zₜ = patches of [xₜ, xₜ - xₜ₋₁],   x₀ = 0
        h¹ₜ = cell₁(h¹ₜ₋₁, zₜ),   h²ₜ = cell₂(h²ₜ₋₁, [h¹ₜ; zₜ]),   ...
        P(xₜ₊₁) = σ(frame of [h¹ₜ; h²ₜ; ...] K + b)

    The encoder reads the frames that there are. The forecaster goes on from its carries
    and reads P(xₜ₊₁) for xₜ₊₁. A frame is cut into patches of `patch_size` by
    `patch_size` pixels, whose pixels are the channels of one position. Cells over a
    plane of one position see the frame as one vector.

    Attributes:
      network: the cells and the maps around them; `network.layer` is a causal layer
        from frames to the logits of the next, for `rnnjax.decoding.generate`.

    Args:
      frame_shape: height and width of the frames, multiples of `patch_size`.
      cells: the stack, such as `lstm_convolutional(16, (height // patch_size, width //
        patch_size), (3, 3))`.
      patch_size: height and width of a patch; or both.
      brightness: mean of all pixels, from 0 to 1, from which b starts.
      rngs: the parameters are drawn from its stream `params`.

    Raises:
      ValueError: if a size is not positive, the frames cannot be cut into patches, the
        brightness is not between 0 and 1, or there is no cell.

    Example:
      >>> from flax import nnx
      >>> from rnnjax.cells.lstm_convolutional import lstm_convolutional
      >>> cell = lstm_convolutional(5, (3, 4), (3, 3))
      >>> model = FrameForecaster((6, 8), [cell], patch_size=2, rngs=nnx.Rngs(0))
      >>> logits = model(jnp.zeros((2, 7, 6, 8)), 4)
      >>> logits.shape  # of frames 2 to 11
      (2, 10, 6, 8)

    References:
      Shi et al., "Convolutional LSTM Network: A Machine Learning Approach for
      Precipitation Nowcasting", NeurIPS 2015, section 3, for patches, and for reading
      the outputs of all cells. There encoder and forecaster have weights of their own
      and the forecaster reads nothing. Here they share them, since both predict the
      next frame; the difference of frames, and that all cells read it, are ours.
    """

    def __init__(
        self,
        frame_shape: tuple[int, int],
        cells: Sequence[Cell],
        *,
        patch_size: int | tuple[int, int] = 1,
        brightness: float = 0.5,
        rngs: nnx.Rngs,
    ):
        if not cells:
            raise ValueError("cells must be at least one, got none.")
        is_square = isinstance(patch_size, int)
        patch = (patch_size, patch_size) if is_square else patch_size
        for size, part in zip(frame_shape, patch):
            check_positive(frame_shape=size, patch_size=part)
            if size % part:
                raise ValueError(
                    f"patch_size must divide frame_shape {frame_shape}, "
                    f"got {patch_size}."
                )
        if not 0 < brightness < 1:
            raise ValueError(f"brightness must be between 0 and 1, got {brightness}.")
        log_odds = math.log(brightness / (1 - brightness))
        layer = stack(
            _frames_and_changes(frame_shape, patch),
            skip_to_output(*map(recurrent, cells), from_input=True),
            dense(math.prod(patch), bias_init=initializers.constant(log_odds)),
            _frames_of(patch),
        )
        self.network = Recurrent(layer, frame_shape, rngs=rngs)

    def __call__(self, frames: Array, num_steps: int) -> Array:
        """Predicts frames.

        Args:
          frames: `[B, T, height, width]`, from 0 to 1, at least one.
          num_steps: number of frames to forecast.

        Returns:
          `[B, T - 1 + num_steps, height, width]`, the logits of frames 2 to T +
          num_steps: those to T from the true frames before, the others from frames 1 to
          T and the forecasts before.

        Raises:
          ValueError: if there is no frame to read or none to forecast.
        """
        check_positive(frames=frames.shape[1], num_steps=num_steps)
        layer, params = self.network.layer, nnx.as_pure(self.network.params)
        frames = jnp.asarray(frames, jax.tree.leaves(params)[0].dtype)
        carry, read = self.network(frames)

        def step(state, _):
            carry, logits = state
            carry, (logits,) = layer.apply(params, carry, jax.nn.sigmoid(logits)[None])
            return (carry, logits), logits

        _, forecast = jax.lax.scan(step, (carry, read[:, -1]), length=num_steps - 1)
        return jnp.concatenate([read, jnp.swapaxes(forecast, 0, 1)], axis=1)


def _frames_and_changes(frame_shape: tuple[int, int], patch: tuple[int, int]) -> Layer:
    """Makes a layer that cuts frames, and their differences, into patches."""

    def init(key, input_size):
        del key, input_size
        return {}

    def initial_carry(params, batch_shape=()):
        del params
        return jnp.zeros((*batch_shape, *frame_shape))

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del mask, is_first, key
        if carry is None:
            carry = initial_carry(params, inputs.shape[1:-2])
        before = carry[None].astype(inputs.dtype)
        changes = inputs - jnp.concatenate([before, inputs[:-1]])
        patches = [_cut(x, patch) for x in (inputs, changes)]
        return inputs[-1], jnp.concatenate(patches, axis=-1)

    return causal_layer(init, initial_carry, apply, input_ndim=2)


def _frames_of(patch: tuple[int, int]) -> Layer:
    """Makes a layer that puts patches together to frames."""
    return pointwise(
        lambda key, input_size: {},
        lambda params, patches: _join(patches, patch),
        input_ndim=3,
    )


def _cut(frames, patch):
    """`[..., height, width] -> [..., rows, columns, pixels of a patch]`."""
    *batch, height, width = frames.shape
    (down, right) = patch
    blocks = frames.reshape(*batch, height // down, down, width // right, right)
    return jnp.swapaxes(blocks, -3, -2).reshape(*blocks.shape[:-3], -1, down * right)


def _join(patches, patch):
    """`[..., rows, columns, pixels of a patch] -> [..., height, width]`."""
    *batch, rows, columns, _ = patches.shape
    (down, right) = patch
    blocks = jnp.swapaxes(patches.reshape(*batch, rows, columns, down, right), -3, -2)
    return blocks.reshape(*batch, rows * down, columns * right)
