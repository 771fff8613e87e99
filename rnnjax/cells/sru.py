"""The simple recurrent unit, without a recurrent matrix."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    check_positive,
    factored_cell,
    factored_step,
)
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.parts.gated import readout_of, zero_carry
from rnnjax.cells.parts.weights import InputWeights, WeightOptions, cell_maker
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

    x̃ is the input itself or, if its width is not that of h, a projection of it.

    Args:
      params: dict of `kernel` W_f, Wᵣ, W and, for the projection, a fourth matrix,
        `[input_size, 3 or 4 times hidden_size]`, `peephole` v_f, vᵣ `[2 * hidden_size]`
        and, optionally, `bias` b_f, bᵣ `[2 * hidden_size]`.
      carry: hₜ₋₁, which is not read, and cₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      highway_scale: α.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Lei, Zhang, Wang, Dai and Artzi, "Simple Recurrent Units for Highly Parallelizable
      Recurrence", EMNLP 2018, section 3, with α of section 3.2.
    """
    return factored_step(_factors(highway_scale))(params, carry, inputs)


@cell_maker
def sru(
    hidden_size: int,
    *,
    highway_scale: float = 1.0,
    peephole_init: Initializer = symmetric_uniform(1.0),
    compute_dtype: jax.typing.DTypeLike | None = None,
    **weights: Unpack[InputWeights],
) -> Cell:
    """Makes a simple recurrent unit; see `sru_step` for the equations.

    Args:
      hidden_size: width of h, of c and of the outputs.
      highway_scale: α. A stack of these cells keeps the variance of its inputs with
        √(1 + 2 exp bᵣ), which is √3 for a bias of 0.
      peephole_init: initializer of v.
      compute_dtype: dtype of the products, see `rnnjax.products.matmul`.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell, over `LSTMCarry`.

    Example: with the gate r closed, the outputs are the inputs.
      >>> cell = sru(3)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> params["bias"] = jnp.array([0.0, 0.0, 0.0, -100.0, -100.0, -100.0])
      >>> cell.step(params, cell.initial_carry(params), jnp.arange(3.0))[1]
      Array([0., 1., 2.], dtype=float32)
    """
    check_positive(hidden_size=hidden_size)
    options = WeightOptions(**weights)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        count = 3 if input_size == hidden_size else 4
        shape, gates = (input_size, count * hidden_size), (2 * hidden_size,)
        draw = per_gate(options.kernel_init, count)
        params = {
            "kernel": draw(keys[0], shape, options.dtype),
            "peephole": peephole_init(keys[1], gates, options.dtype),
        }
        if options.use_bias:
            params["bias"] = options.bias_init(keys[2], gates, options.dtype)
        return params

    initial_carry = zero_carry(hidden_size, hidden_size, carry_type=LSTMCarry)
    return factored_cell(init, initial_carry, _factors(highway_scale, compute_dtype))


def _factors(highway_scale, compute_dtype=None):
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
        gates, candidate, skipped = pre
        f, r = split(sigmoid(gates), 2)
        c = f * carry.c + (1 - f) * candidate
        return LSTMCarry(h=r * c + (1 - r) * skipped, c=c)

    return Factors(project, recur, update, readout_of(lambda carry: carry.h))
