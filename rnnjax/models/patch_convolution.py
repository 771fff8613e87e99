"""Convolutions of images as products over patches, for Flax's modules."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.products import matmul


def patch_convolution(
    inputs: Array,
    kernel: Array,
    strides: Sequence[int],
    padding: str,
    **options: Any,
) -> Array:
    """Convolves images as `jax.lax.conv_general_dilated` does, by one product.

    It is the argument `conv_general_dilated` of `nnx.Conv`. On a CPU the derivative of
    a small convolution by XLA takes several times as long as that of a product.

    Args:
      inputs: `[N, height, width, input_channels]`.
      kernel: `[kernel_height, kernel_width, input_channels, output_channels]`.
      strides: along height and width.
      padding: "SAME", with zeros.
      **options: what `nnx.Conv` also passes; there must be no dilation and no groups.

    Returns:
      `[N, ceil(height / stride), ceil(width / stride), output_channels]`.

    Raises:
      ValueError: if the padding is another one, or there is dilation or a group.

    Example:
      >>> x, kernel = jnp.arange(16.0).reshape(1, 4, 4, 1), jnp.ones((2, 2, 1, 1))
      >>> patch_convolution(x, kernel, (2, 2), "SAME")[0, :, :, 0]
      Array([[10., 18.],
             [42., 50.]], dtype=float32)
    """
    dilations = options.get("lhs_dilation"), options.get("rhs_dilation")
    groups = options.get("feature_group_count", 1)
    if (
        padding != "SAME"
        or groups != 1
        or any(set(d or (1,)) != {1} for d in dilations)
    ):
        raise ValueError(
            "padding must be SAME, without dilation and groups, got "
            f"{padding!r}, {dilations} and {groups}."
        )
    patches = inputs
    for axis, (size, stride) in enumerate(zip(kernel.shape[:2], strides), 1):
        patches = _neighbors(patches, axis, size, stride)
    rows = jnp.moveaxis(kernel, 0, 1).reshape(-1, kernel.shape[-1])
    return matmul(patches, rows)


def _neighbors(x, axis, size, stride):
    """Concatenates the channels of `size` neighbors along an axis."""
    number = -(-x.shape[axis] // stride)
    extra = max((number - 1) * stride + size - x.shape[axis], 0)
    padding = [(0, 0)] * x.ndim
    padding[axis] = extra // 2, extra - extra // 2
    x = jnp.pad(x, padding)
    end = (number - 1) * stride + 1
    taps = [
        jax.lax.slice_in_dim(x, place, place + end, stride, axis)
        for place in range(size)
    ]
    return jnp.concatenate(taps, axis=-1)
