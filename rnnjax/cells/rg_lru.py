"""The real-gated linear recurrent unit."""

import functools

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid, softplus

from rnnjax.base import Array, Cell, Params, cached, check_positive, factored_cell
from rnnjax.cells.parts.gated import linear_factors, zero_carry
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul, split

SHARPNESS = 8.0  # c of the paper


def rg_lru_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of a real-gated linear recurrent unit.

        rₜ = σ(Wᵣ xₜ + bᵣ)
        iₜ = σ(Wᵢ xₜ + bᵢ)
        aₜ = exp(-8 softplus(Λ) rₜ)
        hₜ = aₜ ∘ hₜ₋₁ + √(1 - aₜ²) ∘ (iₜ ∘ xₜ)

    Both gates depend on the input only, so every step is linear in the carry.

    Args:
      params: dict of `kernel` Wᵣ, Wᵢ `[block_size, 2 * input_size]`, with the diagonal
        blocks of each matrix side by side, `bias` `[2 * input_size]` and `decay` Λ
        `[input_size]`. A single block is the whole matrix.
      carry: `[..., input_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., input_size]`, as the carry and as the outputs.

    Raises:
      ValueError: if the inputs are not as wide as Λ.

    References:
      De et al., "Griffin: Mixing Gated Linear Recurrences with Local Attention for
      Efficient Language Models", 2024, equations 1 to 4 and 6, with c = 8. The sign of
      Λ is that of the last form of equation 6, so a is σ(-Λ) rather than σ(Λ).
    """
    return _factors().step(params, carry, inputs)


@cached
def rg_lru(
    hidden_size: int,
    *,
    min_decay: float = 0.9,
    max_decay: float = 0.999,
    num_blocks: int = 1,
    kernel_init: Initializer = initializers.lecun_normal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a real-gated linear recurrent unit; see `rg_lru_step` for the equations.

    Args:
      hidden_size: width of the carry, which must be that of the inputs.
      min_decay: smallest initial a, with the gate r open.
      max_decay: largest initial a; a² is drawn uniformly between.
      num_blocks: number of diagonal blocks of each gate's matrix, as in the paper; with
        1 it is a full matrix.
      kernel_init: initializer of each block.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the products, see `rnnjax.products.matmul`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `num_blocks` does not divide `hidden_size`, the decays are not
        0 < min_decay < max_decay < 1, or the inputs are not as wide as the carry.

    Example: with the gate r closed, the carry is kept.
      >>> cell = rg_lru(3)
      >>> params = cell.init(jax.random.key(0), 3) | {"bias": jnp.full(6, -200.0)}
      >>> cell.step(params, jnp.arange(3.0), jnp.ones(3))[0]
      Array([0., 1., 2.], dtype=float32)
    """
    check_positive(hidden_size=hidden_size, num_blocks=num_blocks)
    if hidden_size % num_blocks:
        raise ValueError(
            f"num_blocks must divide hidden_size {hidden_size}, got {num_blocks}."
        )
    if not 0 < min_decay < max_decay < 1:
        raise ValueError(
            "min_decay and max_decay must be 0 < min_decay < max_decay < 1, "
            f"got {min_decay} and {max_decay}."
        )

    def init(key, input_size):
        if input_size != hidden_size:
            raise ValueError(
                f"input_size must be the hidden_size, {hidden_size}, got {input_size}."
            )
        keys = jax.random.split(key)
        wide = jnp.promote_types(dtype, jnp.float32)
        square = jax.random.uniform(
            keys[1], (hidden_size,), wide, min_decay**2, max_decay**2
        )
        # softplus(Λ) = -log(a) / c, solved for Λ
        decay = jnp.log(jnp.expm1(-jnp.log(square) / 2 / SHARPNESS))
        return {
            "kernel": per_gate(kernel_init, 2 * num_blocks)(
                keys[0], (hidden_size // num_blocks, 2 * hidden_size), dtype
            ),
            "bias": jnp.zeros(2 * hidden_size, dtype),
            "decay": decay.astype(dtype),
        }

    return factored_cell(init, zero_carry(hidden_size), _factors(compute_dtype))


def _by_blocks(inputs, kernel, compute_dtype):
    """Multiplies each part of the inputs by its own block, for both gates."""
    size, width = kernel.shape
    if width == 2 * size:
        return matmul(inputs, kernel, compute_dtype)
    num_blocks = width // (2 * size)
    parts = inputs.reshape(*inputs.shape[:-1], num_blocks, size)
    blocks = kernel.reshape(size, 2, num_blocks, size)
    product = functools.partial(matmul, compute_dtype=compute_dtype)
    of_gates = jax.vmap(jax.vmap(product, (-2, 1), -2), (None, 1), -3)
    return of_gates(parts, blocks).reshape(*inputs.shape[:-1], width)


def _factors(compute_dtype=None):
    def project(params, inputs):
        size = params["decay"].size
        if inputs.shape[-1] != size:
            raise ValueError(
                f"inputs must have a last axis of {size}, got shape {inputs.shape}."
            )
        drive = _by_blocks(inputs, params["kernel"], compute_dtype) + params["bias"]
        r, i = split(sigmoid(drive), 2)
        log_a = -SHARPNESS * softplus(params["decay"]) * r
        # expm1 avoids cancellation for a near 1. For a = 1 the square root has no
        # derivative, but that with respect to r and Λ is zero.
        square = -jnp.expm1(2 * log_a)
        positive = square > 0
        scale = jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), 0)
        return jnp.exp(log_a), scale * i * inputs.astype(i.dtype)

    return linear_factors(project)
