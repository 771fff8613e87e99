"""The LSTM whose gates also depend on the gates of the previous step."""

from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.base import Array, Cell, Factors, Params, factored_cell, serializable
from rnnjax.cells.parts.gated import (
    GateBias,
    driven,
    gated_init,
    readout_of,
    zero_carry,
)
from rnnjax.cells.parts.peepholes import add_peephole, draw_peepholes
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul, split


@serializable
class LSTMFullGateCarry(NamedTuple):
    """The carry of an LSTM with full gate recurrence.

    Attributes:
      h: `[..., hidden_size]`, the outputs.
      c: `[..., hidden_size]`, the memory.
      gates: `[..., 3 * hidden_size]`, i, f and o side by side.
    """

    h: Array
    c: Array
    gates: Array


def lstm_full_gate_step(
    params: Params, carry: LSTMFullGateCarry, inputs: Array
) -> tuple[LSTMFullGateCarry, Array]:
    """Computes one step of an LSTM with full gate recurrence.

        aₜ = [iₜ, fₜ, oₜ]
        iₜ = σ(Uᵢ xₜ + Wᵢ hₜ₋₁ + Rᵢ aₜ₋₁ + pᵢ ∘ cₜ₋₁ + bᵢ)
        fₜ = σ(U_f xₜ + W_f hₜ₋₁ + R_f aₜ₋₁ + p_f ∘ cₜ₋₁ + b_f)
        gₜ = tanh(U_g xₜ + W_g hₜ₋₁ + b_g)
        cₜ = fₜ ∘ cₜ₋₁ + iₜ ∘ gₜ
        oₜ = σ(Uₒ xₜ + Wₒ hₜ₋₁ + Rₒ aₜ₋₁ + pₒ ∘ cₜ + bₒ)
        hₜ = oₜ ∘ tanh(cₜ)

    Args:
      params: dict of `kernel` U `[input_size, 4 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 4 * hidden_size]`, `gate_kernel` R
        `[3 * hidden_size, 3 * hidden_size]` and, optionally, `bias` b
        `[4 * hidden_size]` and the peepholes `peephole_i`, `peephole_f`, `peephole_o`
        `[hidden_size]`; gates in the order i, f, g, o, without g in R.
      carry: hₜ₋₁, cₜ₋₁ and aₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ, cₜ and aₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997;
      Greff et al., "LSTM: A Search Space Odyssey", IEEE Transactions on Neural Networks
      and Learning Systems 2017, section 3, "FGR".
    """
    return _factors().step(params, carry, inputs)


@cell_maker
def lstm_full_gate(
    hidden_size: int,
    *,
    use_peepholes: bool = False,
    forget_bias: GateBias = 1.0,
    peephole_init: Initializer = initializers.zeros,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes an LSTM cell with full gate recurrence; see `lstm_full_gate_step`.

    Args:
      hidden_size: width of h, of c and of the outputs.
      use_peepholes: whether the gates have peepholes, as in Greff et al.
      forget_bias: added to the initial bias of the forget gate.
      peephole_init: initializer of the peepholes.
      **weights: options of the parameters, see `Weights`; R is drawn gate by gate by
        `recurrent_kernel_init`.

    Returns:
      The cell, over `LSTMFullGateCarry`; all gates are 0 before the first step.

    Example: without R it is an LSTM.
      >>> cell = lstm_full_gate(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> params["gate_kernel"] = jnp.zeros((12, 12))
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> lstm = rnnjax.lstm(4)
      >>> _, want = lstm.step(params, lstm.initial_carry(params), jnp.ones(3))
      >>> bool(jnp.all(outputs == want))
      True
    """
    plain = gated_init(hidden_size, "ifgo", gate_biases={"f": forget_bias}, **weights)
    options = WeightOptions(**weights)

    def init(key, input_size):
        keys, dtype = jax.random.split(key, 7), options.dtype
        params = plain(key, input_size, bias_key=keys[3])
        draw = per_gate(options.recurrent_kernel_init, 3)
        shape = (3 * hidden_size, 3 * hidden_size)
        params["gate_kernel"] = draw(keys[2], shape, dtype)
        gates = "ifo" if use_peepholes else ""
        shape = (hidden_size,)
        return params | draw_peepholes(keys[4:], gates, peephole_init, shape, dtype)

    widths = hidden_size, hidden_size, 3 * hidden_size
    initial_carry = zero_carry(*widths, carry_type=LSTMFullGateCarry)
    return factored_cell(init, initial_carry, _factors(options.compute_dtype))


def _factors(compute_dtype=None):
    """A pre-activation is [i, f, g, o]."""

    def project(params, inputs):
        return split(driven(params, inputs, compute_dtype), 4)

    def recur(params, carry):
        pull = matmul(carry.h, params["recurrent_kernel"], compute_dtype)
        of_gates = matmul(carry.gates, params["gate_kernel"], compute_dtype)
        (i, f, g, o), (di, df, do) = split(pull, 4), split(of_gates, 3)
        return [i + di, f + df, g, o + do]

    def update(params, carry, pre):
        i, f, g, o = pre
        i = sigmoid(add_peephole(params, "i", i, carry.c))
        f = sigmoid(add_peephole(params, "f", f, carry.c))
        c = f * carry.c + i * jnp.tanh(g)
        o = sigmoid(add_peephole(params, "o", o, c))
        gates = jnp.concatenate([i, f, o], axis=-1)
        return LSTMFullGateCarry(h=o * jnp.tanh(c), c=c, gates=gates)

    return Factors(project, recur, update, readout_of(lambda carry: carry.h))
