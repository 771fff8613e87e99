"""The simple recurrent unit, without a recurrent matrix."""

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

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
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.initializers import Initializer, per_gate, symmetric_uniform
from rnnjax.products import matmul, split


def sru_step(
    params: Params, carry: LSTMCarry, inputs: Array, *, highway_scale: float = 1.0
) -> tuple[LSTMCarry, Array]:
    """Computes one step of a simple recurrent unit.

        fₜ = σ(W_f xₜ + v_f ∘ cₜ₋₁ + b_f)
        rₜ = σ(Wᵣ xₜ + vᵣ ∘ cₜ₋₁ + bᵣ)
        cₜ = fₜ ∘ cₜ₋₁ + (1 - fₜ) ∘ (W xₜ)
        hₜ = rₜ ∘ cₜ + α (1 - rₜ) ∘ x̃ₜ

    x̃ is the input itself, or, where it is not as wide as h, a projection of it.

    Args:
      params: dict of `kernel` W_f, Wᵣ, W and, for the projection, a fourth,
        `[input_size, 3 or 4 times hidden_size]`, `peephole` v_f, vᵣ `[2 * hidden_size]`
        and, unless left out, `bias` b_f, bᵣ `[2 * hidden_size]`.
      carry: hₜ₋₁, which is not read, and cₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      highway_scale: α.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Lei, Zhang, Wang, Dai and Artzi, "Simple Recurrent Units for Highly Parallelizable
      Recurrence", EMNLP 2018, section 3, with α of section 3.2.
    """
    return factored_step(_factors(highway_scale, None))(params, carry, inputs)


@cached
def sru(
    hidden_size: int,
    *,
    highway_scale: float = 1.0,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    peephole_init: Initializer = symmetric_uniform(1.0),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a simple recurrent unit; see `sru_step` for the equations.

    Args:
      hidden_size: width of h, of c and of the outputs.
      highway_scale: α; √(1 + 2 exp bᵣ), so √3 with a bias of 0, lets a stack of them
        keep the variance of its inputs.
      use_bias: whether there is a bias.
      kernel_init: initializer of each matrix.
      peephole_init: initializer of v.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

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
    check_positive(hidden_size=hidden_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        count = 3 if input_size == hidden_size else 4
        shape = (input_size, count * hidden_size)
        params = {
            "kernel": per_gate(kernel_init, count)(keys[0], shape, dtype),
            "peephole": peephole_init(keys[1], (2 * hidden_size,), dtype),
        }
        if use_bias:
            params["bias"] = bias_init(keys[2], (2 * hidden_size,), dtype)
        return params

    def initial_carry(params, batch_shape=()):
        shape, dtype = (*batch_shape, hidden_size), params["kernel"].dtype
        return LSTMCarry(h=jnp.zeros(shape, dtype), c=jnp.zeros(shape, dtype))

    return factored_cell(init, initial_carry, _factors(highway_scale, compute_dtype))


@cached
def _factors(highway_scale, compute_dtype):
    """A pre-activation is (f and r, the candidate, α x̃)."""

    def project(params, inputs):
        size = params["peephole"].size // 2
        drive = matmul(inputs, params["kernel"], compute_dtype)
        gates, candidate, skipped = split(drive, [2 * size, 3 * size])
        if not skipped.size:  # the input is as wide as h
            skipped = inputs.astype(drive.dtype)
        gates = gates + params["bias"] if "bias" in params else gates
        return gates, candidate, highway_scale * skipped

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
