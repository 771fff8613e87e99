"""The real-gated linear recurrent unit."""

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid, softplus

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
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul, split

SHARPNESS = 8.0  # c of the paper


def rg_lru_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of a real-gated linear recurrent unit.

        rₜ = σ(Wᵣ xₜ + bᵣ)
        iₜ = σ(Wᵢ xₜ + bᵢ)
        aₜ = exp(-8 softplus(Λ) rₜ)
        hₜ = aₜ ∘ hₜ₋₁ + √(1 - aₜ²) ∘ (iₜ ∘ xₜ)

    Both gates see the input alone, so every step is linear in the carry.

    Args:
      params: dict of `kernel` Wᵣ, Wᵢ `[input_size, 2 * input_size]`, `bias`
        `[2 * input_size]` and `decay` Λ `[input_size]`.
      carry: `[..., input_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., input_size]`, as the carry and as the outputs.

    References:
      De et al., "Griffin: Mixing Gated Linear Recurrences with Local Attention for
      Efficient Language Models", 2024, equations 1 to 4 and 6, where a = σ(Λ) to the
      power c r; there the gates' matrices are block-diagonal, here they are full.
    """
    return factored_step(_factors(None))(params, carry, inputs)


@cached
def rg_lru(
    hidden_size: int,
    *,
    min_decay: float = 0.9,
    max_decay: float = 0.999,
    kernel_init: Initializer = initializers.lecun_normal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a real-gated linear recurrent unit; see `rg_lru_step` for the equations.

    Args:
      hidden_size: width of the carry, which must be that of the inputs.
      min_decay: least a at first, with the gate r open.
      max_decay: largest a at first; a² is drawn uniformly between.
      kernel_init: initializer of each gate's matrix.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive or is not the input's, or the decays
        are not 0 < min_decay < max_decay < 1.

    Example:
      >>> cell = rg_lru(3)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (3,)
    """
    check_positive(hidden_size=hidden_size)
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
            "kernel": per_gate(kernel_init, 2)(
                keys[0], (hidden_size, 2 * hidden_size), dtype
            ),
            "bias": jnp.zeros(2 * hidden_size, dtype),
            "decay": decay.astype(dtype),
        }

    def initial_carry(params, batch_shape=()):
        return jnp.zeros((*batch_shape, hidden_size), params["decay"].dtype)

    return factored_cell(init, initial_carry, _factors(compute_dtype))


@cached
def _factors(compute_dtype):
    """A pre-activation is (a, the gated input): the carry itself pulls at nothing."""

    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype) + params["bias"]
        r, i = split(sigmoid(drive), 2)
        log_a = -SHARPNESS * softplus(params["decay"]) * r
        # 1 - a² without cancellation where a is near 1
        scale = jnp.sqrt(-jnp.expm1(2 * log_a))
        return jnp.exp(log_a), scale * i * inputs.astype(i.dtype)

    def recur(params, carry):
        del params, carry
        return None

    def update(params, carry, pre):
        del params
        a, gated = pre
        return a * carry + gated

    def readout(params, carry, inputs):
        del params, inputs
        return carry

    return Factors(project, recur, update, readout)
