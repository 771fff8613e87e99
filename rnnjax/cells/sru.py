"""The simple recurrent unit, without a recurrent matrix."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import Array, Cell, Factors, Params, check_positive, factored_cell
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.parts.gated import gated_init, readout_of, zero_carry
from rnnjax.cells.parts.weights import InputWeights, WeightOptions, cell_maker
from rnnjax.initializers import Initializer, symmetric_uniform
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
    return _factors(highway_scale).step(params, carry, inputs)


@cell_maker
def sru(
    hidden_size: int,
    *,
    highway_scale: float = 1.0,
    peephole_init: Initializer = symmetric_uniform(1.0),
    **weights: Unpack[InputWeights],
) -> Cell:
    """Makes a simple recurrent unit; see `sru_step` for the equations.

    Args:
      hidden_size: width of h, of c and of the outputs.
      highway_scale: α. A stack of these cells keeps the variance of its inputs with
        √(1 + 2 exp bᵣ), which is √3 for a bias of 0.
      peephole_init: initializer of v.
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
    dtype = WeightOptions(**weights).dtype

    def init(key, input_size):
        parts = "frn" if input_size == hidden_size else "frnx"
        plain = gated_init(
            hidden_size, parts, recurrent="", unbiased=parts[2:], **weights
        )
        peephole_key = jax.random.split(key, 3)[1]
        peephole = peephole_init(peephole_key, (2 * hidden_size,), dtype)
        return plain(key, input_size) | {"peephole": peephole}

    initial_carry = zero_carry(hidden_size, hidden_size, carry_type=LSTMCarry)
    return factored_cell(
        init, initial_carry, _factors(highway_scale, weights.get("compute_dtype"))
    )


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
