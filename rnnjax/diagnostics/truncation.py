"""The bias of truncated backpropagation through time."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Layer, Params
from rnnjax.diagnostics.trajectory import part_floating


class TruncationBias(NamedTuple):
    """A truncated gradient compared with the full one.

    Attributes:
      angle: between the two, in degrees.
      length: norm of the truncated gradient over that of the full one.
    """

    angle: Array
    length: Array


def truncation_bias(
    layer: Layer,
    params: Params,
    inputs: Any,
    loss: Callable[[Any, Array], Array],
    chunk_length: int,
) -> TruncationBias:
    """Compares the gradient truncated to chunks with the gradient through all steps.

    Args:
      layer: the layer.
      params: its parameters.
      inputs: `[T, ..., input_size]`.
      loss: `(outputs of a chunk, index of its first step) -> scalar`; the whole loss is
        the sum over chunks.
      chunk_length: steps per chunk; between chunks the carry is handed on and the
        gradient is cut.

    Returns:
      Angle and length over all parameters.

    Raises:
      ValueError: if `chunk_length` does not divide the number of steps.

    References:
      Tallec and Ollivier, "Unbiasing Truncated Backpropagation Through Time", 2017.
    """
    num_steps = jax.tree.leaves(inputs)[0].shape[0]
    if chunk_length < 1 or num_steps % chunk_length:
        raise ValueError(
            f"chunk_length must divide the {num_steps} steps, got {chunk_length}."
        )
    floats, put_back = part_floating(params)
    chunks = jax.tree.map(
        lambda x: x.reshape(num_steps // chunk_length, chunk_length, *x.shape[1:]),
        inputs,
    )
    starts = jnp.arange(0, num_steps, chunk_length)

    def score(floats, cut):
        params = put_back(floats)

        def body(carry, chunk_and_start):
            chunk, start = chunk_and_start
            carry = cut(carry)
            carry, outputs = layer.apply(params, carry, chunk)
            return carry, loss(outputs, start)

        first = jax.tree.map(lambda x: x[0], chunks)
        carry, outputs = layer.apply(params, None, first)
        rest = jax.tree.map(lambda x: x[1:], (chunks, starts))
        _, losses = jax.lax.scan(body, carry, rest)
        return loss(outputs, starts[0]) + losses.sum()

    full, truncated = (
        jnp.concatenate([x.ravel() for x in jax.grad(score)(floats, cut)])
        for cut in (lambda carry: carry, jax.lax.stop_gradient)
    )
    lengths = jnp.linalg.norm(full), jnp.linalg.norm(truncated)
    # by the tangent, since the cosine of a small angle loses its digits
    along = full / lengths[0] * lengths[1]
    angle = 2 * jnp.arctan2(
        jnp.linalg.norm(along - truncated), jnp.linalg.norm(along + truncated)
    )
    return TruncationBias(jnp.degrees(angle), lengths[1] / lengths[0])
