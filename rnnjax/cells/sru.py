"""The simple recurrent unit, without a recurrent matrix."""

import jax
import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    cached,
    factored_cell,
    factored_step,
)
from rnnjax.cells.gated import gated_init
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.initializers import Initializer, symmetric_uniform
from rnnjax.products import matmul, split


def sru_step(
    params: Params, carry: LSTMCarry, inputs: Array
) -> tuple[LSTMCarry, Array]:
    """Computes one step of a simple recurrent unit.

        fₜ = σ(W_f xₜ + v_f ∘ cₜ₋₁ + b_f)
        rₜ = σ(Wᵣ xₜ + vᵣ ∘ cₜ₋₁ + bᵣ)
        cₜ = fₜ ∘ cₜ₋₁ + (1 - fₜ) ∘ (W xₜ)
        hₜ = rₜ ∘ cₜ + (1 - rₜ) ∘ x̃ₜ

    x̃ is the input itself, or, where it is not as wide as h, a projection of it.

    Args:
      params: dict of `kernel` W_f, Wᵣ, W and, for the projection, a fourth,
        `[input_size, 3 or 4 times hidden_size]`; `peephole` v_f, vᵣ and `bias` b_f, bᵣ
        `[2 * hidden_size]`.
      carry: hₜ₋₁, which is not read, and cₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Lei, Zhang, Wang, Dai and Artzi, "Simple Recurrent Units for Highly Parallelizable
      Recurrence", EMNLP 2018, equations 1 to 4, without the scale α of x̃.
    """
    return factored_step(_factors(None))(params, carry, inputs)


@cached
def sru(
    hidden_size: int,
    *,
    peephole_init: Initializer = symmetric_uniform(1.0),
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
    **options,
) -> Cell:
    """Makes a simple recurrent unit; see `sru_step` for the equations.

    Args:
      hidden_size: width of h, of c and of the outputs.
      peephole_init: initializer of v.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.
      **options: of the parameters: `kernel_init`; see `gated_init`.

    Returns:
      The cell, over `LSTMCarry`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> sru(4).init(jax.random.key(0), 4)["kernel"].shape
      (4, 12)
      >>> sru(4).init(jax.random.key(0), 3)["kernel"].shape
      (3, 16)
    """
    wide = gated_init(hidden_size, 4, num_recurrent=0, dtype=dtype, **options)
    narrow = gated_init(hidden_size, 3, num_recurrent=0, dtype=dtype, **options)

    def init(key, input_size):
        keys = jax.random.split(key)
        params = (narrow if input_size == hidden_size else wide)(keys[0], input_size)
        params["bias"] = params["bias"][: 2 * hidden_size]
        params["peephole"] = peephole_init(keys[1], (2 * hidden_size,), dtype)
        return params

    def initial_carry(params, batch_shape=()):
        shape, dtype = (*batch_shape, hidden_size), params["kernel"].dtype
        return LSTMCarry(h=jnp.zeros(shape, dtype), c=jnp.zeros(shape, dtype))

    return factored_cell(init, initial_carry, _factors(compute_dtype))


@cached
def _factors(compute_dtype):
    """A pre-activation is (f and r, the candidate, x̃)."""

    def project(params, inputs):
        size = params["bias"].size // 2
        drive = matmul(inputs, params["kernel"], compute_dtype)
        if drive.shape[-1] == 4 * size:
            gates, candidate, skipped = split(drive, [2 * size, 3 * size])
        else:
            gates, candidate = split(drive, [2 * size])
            skipped = inputs.astype(drive.dtype)
        return gates + params["bias"], candidate, skipped

    def recur(params, carry):
        both = jnp.concatenate([carry.c, carry.c], axis=-1)
        return params["peephole"] * both, None, None

    def update(params, carry, pre):
        del params
        gates, candidate, skipped = pre
        f, r = split(sigmoid(gates), 2)
        c = f * carry.c + (1 - f) * candidate
        return LSTMCarry(h=r * c + (1 - r) * skipped, c=c)

    def readout(params, carry, inputs):
        del params, inputs
        return carry.h

    return Factors(project, recur, update, readout)
