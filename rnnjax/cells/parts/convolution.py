"""Shape-preserving convolutions, for cells whose inputs have spatial axes."""

import jax
import jax.numpy as jnp

from rnnjax.base import Array, check_positive
from rnnjax.products import matmul


def convolve(
    inputs: Array,
    kernel: Array,
    compute_dtype: jax.typing.DTypeLike | None = None,
    *,
    spatial_shape: tuple[int, ...],
) -> Array:
    """Convolves channels over positions, with zero padding at the edges.

    As usual in deep learning the kernel is not mirrored. A kernel of even size reaches
    one position further ahead than back.

    It is one matrix product over the patches around all positions: an XLA convolution
    has a single batch axis, so time would have to be folded into it, and a batch that
    is sharded over devices gathered.

    Args:
      inputs: `[..., *spatial_shape, input_channels]`, of any dtype.
      kernel: `[*kernel_shape, input_channels, output_channels]`.
      compute_dtype: see `rnnjax.products.matmul`.
      spatial_shape: sizes of the spatial axes.

    Returns:
      `[..., *spatial_shape, output_channels]` in the kernel's dtype.

    Raises:
      ValueError: if the inputs do not end in the spatial axes and the input channels.

    Example:
      >>> line, kernel = jnp.arange(1.0, 4.0), jnp.array([100.0, 10.0, 1.0])
      >>> convolve(line[:, None], kernel[:, None, None], spatial_shape=(3,))[:, 0]
      Array([ 12., 123., 230.], dtype=float32)
    """
    ending = (*spatial_shape, kernel.shape[-2])
    if inputs.shape[max(0, inputs.ndim - len(ending)) :] != ending:
        raise ValueError(
            f"inputs must end in the axes {ending}, got shape {inputs.shape}."
        )
    patches = inputs
    for axis, size in reversed(list(enumerate(kernel.shape[:-2]))):
        patches = _neighbors(patches, axis - len(ending), size)
    return matmul(patches, kernel.reshape(-1, kernel.shape[-1]), compute_dtype)


def _neighbors(x, axis, size):
    """Concatenates the channels of the `size` neighbors of each position on an axis."""
    before = (size - 1) // 2
    padding = [(0, 0)] * x.ndim
    padding[axis] = before, size - 1 - before
    padded = jnp.pad(x, padding)
    shifted = [
        jax.lax.slice_in_dim(padded, place, place + x.shape[axis], axis=axis)
        for place in range(size)
    ]
    return jnp.concatenate(shifted, axis=-1)


def check_positions(
    spatial_shape: tuple[int, ...], kernel_shape: tuple[int, ...]
) -> None:
    """Checks the shapes given to a convolutional cell.

    Raises:
      ValueError: if there are not 1 to 3 axes, the two differ in their number, or a
        size is not positive.
    """
    if not 1 <= len(spatial_shape) <= 3:
        raise ValueError(f"spatial_shape must have 1 to 3 axes, got {spatial_shape}.")
    if len(kernel_shape) != len(spatial_shape):
        raise ValueError(
            f"kernel_shape must have {len(spatial_shape)} axes, as spatial_shape has, "
            f"got {kernel_shape}."
        )
    for positions, reach in zip(spatial_shape, kernel_shape):
        check_positive(spatial_shape=positions, kernel_shape=reach)


def input_channels(input_size: tuple[int, ...], spatial_shape: tuple[int, ...]) -> int:
    """Returns the channels of `(*spatial_shape, channels)`.

    Raises:
      ValueError: if the input size does not begin with `spatial_shape`, or the number
        of channels is not positive.
    """
    *positions, channels = input_size
    if tuple(positions) != spatial_shape:
        raise ValueError(
            f"input_size must be {spatial_shape} and the number of channels, "
            f"got {input_size}."
        )
    check_positive(input_size=channels)
    return channels
