"""Simple recurrent networks that see several steps back."""

import jax
import jax.numpy as jnp

from rnnjax.activations import Activation, as_activation
from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    cached,
    check_positive,
    factored_cell,
    factored_step,
)
from rnnjax.cells.elman import elman
from rnnjax.products import matmul


def higher_order_step(
    params: Params,
    carry: tuple[Array, ...],
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
) -> tuple[tuple[Array, ...], Array]:
    """Computes one step of a recurrent network of higher order.

        hₜ = f(A xₜ + B₁ hₜ₋₁ + B₂ hₜ₋₂ + ... + b)

    Args:
      params: dict of `kernel` Aᵀ `[input_size, hidden_size]`, `recurrent_kernel`, B₁ᵀ,
        B₂ᵀ, ... below one another, `[order * hidden_size, hidden_size]`, and, unless
        left out, `bias` b `[hidden_size]`.
      carry: hₜ₋₁, hₜ₋₂, ..., as many as there are matrices, `[..., hidden_size]` each.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.

    Returns:
      hₜ, hₜ₋₁, ... as the carry, and hₜ `[..., hidden_size]` as the outputs.

    References:
      Soltani and Jiang, "Higher Order Recurrent Neural Networks", 2016, equation 3.
    """
    return factored_step(_factors(as_activation(activation), None))(
        params, carry, inputs
    )


@cached
def higher_order(
    hidden_size: int,
    order: int,
    *,
    activation: str | Activation = jnp.tanh,
    compute_dtype: jax.typing.DTypeLike | None = None,
    **options,
) -> Cell:
    """Makes the cell of `higher_order_step`; of order 1 it is `elman`.

    Args:
      hidden_size: width of each h and of the outputs.
      order: how many steps back it sees.
      activation: f, or its name.
      compute_dtype: see `elman`.
      **options: others of `elman`; each matrix is drawn as its one.

    Returns:
      The cell; its carry is a tuple of `order` arrays `[..., hidden_size]`, the latest
      first.

    Raises:
      ValueError: if a size or the order is not positive, or `activation` is not known.

    Example:
      >>> cell = higher_order(4, 3)
      >>> params = cell.init(jax.random.key(0), 2)
      >>> params["recurrent_kernel"].shape, len(cell.initial_carry(params))
      ((12, 4), 3)
    """
    check_positive(order=order)
    like = elman(hidden_size, **options)

    def init(key, input_size):
        drawn = [like.init(own, input_size) for own in jax.random.split(key, order)]
        kernels = jnp.concatenate([own["recurrent_kernel"] for own in drawn])
        return drawn[0] | {"recurrent_kernel": kernels}

    def initial_carry(params, batch_shape=()):
        dtype = params["kernel"].dtype
        return tuple(
            jnp.zeros((*batch_shape, hidden_size), dtype) for _ in range(order)
        )

    factors = _factors(as_activation(activation), compute_dtype)
    return factored_cell(init, initial_carry, factors)


@cached
def _factors(activation, compute_dtype):
    plain = elman(1, compute_dtype=compute_dtype).factors
    assert plain is not None

    def recur(params, carry):
        states = jnp.concatenate(carry, axis=-1)
        return matmul(states, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        del params
        return (activation(pre), *carry[:-1])

    def readout(params, carry, inputs):
        del params, inputs
        return carry[0]

    return Factors(plain.project, recur, update, readout)
