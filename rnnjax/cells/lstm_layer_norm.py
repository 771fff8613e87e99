"""The LSTM with layer normalization."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.base import Array, Cell, Factors, Params, factored_cell
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.parts.gated import GateBias, gated_init, readout_of, zero_carry
from rnnjax.cells.parts.normalization import layer_norm
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.initializers import Initializer
from rnnjax.products import matmul, split


def lstm_layer_norm_step(
    params: Params, carry: LSTMCarry, inputs: Array, *, epsilon: float = 1e-5
) -> tuple[LSTMCarry, Array]:
    """Computes one step of an LSTM with layer normalization.

        [iₜ, fₜ, gₜ, oₜ] = LN(U xₜ; α) + LN(W hₜ₋₁; β) + b
        cₜ = σ(fₜ) ∘ cₜ₋₁ + σ(iₜ) ∘ tanh(gₜ)
        hₜ = σ(oₜ) ∘ tanh(LN(cₜ; γ) + d)

    LN takes mean and variance over all four gates together; the input and recurrent
    terms are normalized separately. See `rnnjax.cells.parts.normalization.layer_norm`.

    Args:
      params: dict of `kernel` U `[input_size, 4 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 4 * hidden_size]`, `kernel_scale` α and `recurrent_scale` β
        `[4 * hidden_size]`, `cell_scale` γ `[hidden_size]` and, optionally, `bias` b
        `[4 * hidden_size]` and `cell_bias` d `[hidden_size]`; gates in the order i, f,
        g, o.
      carry: hₜ₋₁ and cₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      epsilon: added to the variances.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Ba, Kiros and Hinton, "Layer Normalization", 2016, equations 20 to 22. Their three
      biases of a gate are summed, so a single one suffices.
    """
    return _factors(epsilon).step(params, carry, inputs)


@cell_maker
def lstm_layer_norm(
    hidden_size: int,
    *,
    epsilon: float = 1e-5,
    forget_bias: GateBias = 1.0,
    scale_init: Initializer = initializers.ones,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes an LSTM cell with layer normalization; see `lstm_layer_norm_step`.

    Args:
      hidden_size: width of h, of c and of the outputs.
      epsilon: added to the variances.
      forget_bias: added to the initial bias of the forget gate.
      scale_init: initializer of the gains.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell, over `LSTMCarry`.

    Raises:
      ValueError: if `epsilon` is not positive.

    Example: the scale of the inputs does not matter.
      >>> cell = lstm_layer_norm(4, epsilon=1e-12)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, inputs = cell.initial_carry(params), jnp.array([1.0, -2.0, 3.0])
      >>> one, other = (cell.step(params, carry, a * inputs)[1] for a in (1, 1000))
      >>> bool(jnp.allclose(one, other, atol=1e-5))
      True
    """
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}.")
    plain = gated_init(hidden_size, "ifgo", gate_biases={"f": forget_bias}, **weights)
    options = WeightOptions(**weights)

    def init(key, input_size):
        keys, dtype = jax.random.split(key, 7), options.dtype
        params = plain(key, input_size, bias_key=keys[5])
        params["kernel_scale"] = scale_init(keys[2], (4 * hidden_size,), dtype)
        params["recurrent_scale"] = scale_init(keys[3], (4 * hidden_size,), dtype)
        params["cell_scale"] = scale_init(keys[4], (hidden_size,), dtype)
        if options.use_bias:
            params["cell_bias"] = options.bias_init(keys[6], (hidden_size,), dtype)
        return params

    initial_carry = zero_carry(hidden_size, hidden_size, carry_type=LSTMCarry)
    return factored_cell(init, initial_carry, _factors(epsilon, options.compute_dtype))


def _factors(epsilon, compute_dtype=None):
    """A pre-activation is (drive, pull), since each is normalized separately."""

    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        drive = layer_norm(drive, params["kernel_scale"], epsilon)
        return drive + params["bias"] if "bias" in params else drive, None

    def recur(params, carry):
        return None, matmul(carry.h, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        drive, pull = pre
        gates = drive + layer_norm(pull, params["recurrent_scale"], epsilon)
        i, f, g, o = split(gates, 4)
        c = sigmoid(f) * carry.c + sigmoid(i) * jnp.tanh(g)
        shown = layer_norm(c, params["cell_scale"], epsilon)
        shown = shown + params["cell_bias"] if "cell_bias" in params else shown
        return LSTMCarry(h=sigmoid(o) * jnp.tanh(shown), c=c)

    return Factors(project, recur, update, readout_of(lambda carry: carry.h))
