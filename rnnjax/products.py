"""Products and splits, written in one place so that engines know them."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from rnnjax.base import Array


def matmul(
    inputs: Array,
    kernel: Array,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Array:
    """Multiplies vectors by a matrix, in the dtype that the matrix decides.

    Args:
      inputs: `[..., input_size]`, of any dtype.
      kernel: `[input_size, output_size]`.
      compute_dtype: dtype to which both are rounded before they are multiplied, such
        as bfloat16; the sums are made in the kernel's dtype all the same. None: the
        kernel's own.

    Returns:
      `[..., output_size]` in the kernel's dtype.

    Raises:
      ValueError: if the last axis of `inputs` is not the kernel's first.
    """
    if inputs.ndim == 0 or inputs.shape[-1] != kernel.shape[0]:
        raise ValueError(
            f"inputs must have a last axis of {kernel.shape[0]}, "
            f"got shape {inputs.shape}."
        )
    dtype = kernel.dtype if compute_dtype is None else compute_dtype
    return jnp.matmul(
        inputs.astype(dtype), kernel.astype(dtype), preferred_element_type=kernel.dtype
    )


def split(pre: Array, num_parts: int | Sequence[int]) -> list[Array]:
    """Splits the last axis into equal parts, or at the given places.

    The derivative of a split is one concatenation; that of slices is a sum of padded
    copies, which costs a loop dear.
    """
    places = num_parts if isinstance(num_parts, int) else list(num_parts)
    return jnp.split(pre, places, axis=-1)
