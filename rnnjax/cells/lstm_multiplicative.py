"""The LSTM whose recurrent matrix depends on the inputs."""

from typing import Unpack

import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import Array, Cell, Factors, Params, factored_cell
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.parts.gated import (
    GateBias,
    driven,
    gated_init,
    readout_of,
    zero_carry,
)
from rnnjax.cells.parts.weights import Weights, cell_maker
from rnnjax.products import matmul, split


def lstm_multiplicative_step(
    params: Params, carry: LSTMCarry, inputs: Array
) -> tuple[LSTMCarry, Array]:
    """Computes one step of a multiplicative LSTM.

        mₜ = (Uₘ xₜ) ∘ (Wₘ hₜ₋₁)
        [iₜ, fₜ, gₜ, oₜ] = U xₜ + W mₜ + b
        cₜ = σ(fₜ) ∘ cₜ₋₁ + σ(iₜ) ∘ tanh(gₜ)
        hₜ = σ(oₜ) ∘ tanh(cₜ)

    The product of the gates with m is computed after that which gives m, inside the
    loop over time.

    Args:
      params: dict of `kernel` U `[input_size, 4 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 4 * hidden_size]`, `factor_kernel` Uₘ
        `[input_size, hidden_size]`, `recurrent_factor_kernel` Wₘ
        `[hidden_size, hidden_size]` and, optionally, `bias` b `[4 * hidden_size]`;
        gates in the order i, f, g, o.
      carry: hₜ₋₁ and cₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Krause, Lu, Murray and Renals, "Multiplicative LSTM for Sequence Modelling", ICLR
      workshop 2017, section 3, with m as wide as h. The gates have biases here, and
      the output gate acts after tanh as in `lstm_step`.
    """
    return _factors().step(params, carry, inputs)


@cell_maker
def lstm_multiplicative(
    hidden_size: int,
    *,
    forget_bias: GateBias = 1.0,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a multiplicative LSTM cell; see `lstm_multiplicative_step`.

    Args:
      hidden_size: width of h, of c and of the outputs.
      forget_bias: added to the initial bias of the forget gate.
      **weights: options of the parameters, see `Weights`; they hold for Uₘ and Wₘ too.

    Returns:
      The cell, over `LSTMCarry`.

    Example: inputs for which m = 0 separate the gates from the previous h.
      >>> cell = lstm_multiplicative(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> def step(h):
      ...     return cell.step(params, LSTMCarry(h=h, c=jnp.zeros(4)), jnp.zeros(3))[1]
      >>> bool(jnp.all(step(jnp.ones(4)) == step(-jnp.ones(4))))
      True
    """
    biases = {"f": forget_bias}
    plain = gated_init(
        hidden_size, "ifgom", gate_biases=biases, unbiased="m", **weights
    )

    def init(key, input_size):
        params = plain(key, input_size)
        for name in ("kernel", "recurrent_kernel"):
            gates, factor = split(params[name], [4 * hidden_size])
            params |= {name: gates, name.replace("kernel", "factor_kernel"): factor}
        return params

    initial_carry = zero_carry(hidden_size, hidden_size, carry_type=LSTMCarry)
    return factored_cell(init, initial_carry, _factors(weights.get("compute_dtype")))


def _factors(compute_dtype=None):
    """A pre-activation is (gates, xm, hm): U x + b and both factors of m."""

    def project(params, inputs):
        gates = driven(params, inputs, compute_dtype)
        return gates, matmul(inputs, params["factor_kernel"], compute_dtype), None

    def recur(params, carry):
        hm = matmul(carry.h, params["recurrent_factor_kernel"], compute_dtype)
        return None, None, hm

    def update(params, carry, pre):
        gates, xm, hm = pre
        gates = gates + matmul(xm * hm, params["recurrent_kernel"], compute_dtype)
        i, f, g, o = split(gates, 4)
        c = sigmoid(f) * carry.c + sigmoid(i) * jnp.tanh(g)
        return LSTMCarry(h=sigmoid(o) * jnp.tanh(c), c=c)

    return Factors(project, recur, update, readout_of(lambda carry: carry.h))
