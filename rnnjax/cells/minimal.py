"""minGRU and minLSTM, whose gates depend on the inputs alone."""

from typing import Unpack

from jax.nn import log_sigmoid, sigmoid

from rnnjax.base import Array, Cell, Params, factored_cell
from rnnjax.cells.parts.gated import driven, gated_init, linear_factors, zero_carry
from rnnjax.cells.parts.weights import InputWeights, cell_maker
from rnnjax.products import split


def min_gru_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of a minGRU, which is linear in its carry.

        zₜ = σ(U_z xₜ + b_z)
        nₜ = Uₙ xₜ + bₙ
        hₜ = (1 - zₜ) ∘ hₜ₋₁ + zₜ ∘ nₜ

    Args:
      params: dict of `kernel` U `[input_size, 2 * hidden_size]` and, optionally, `bias`
        b `[2 * hidden_size]`; gates in the order z, n.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Feng, Tung, Ahmed, Bengio and Hajimirsadeghi, "Were RNNs All We Needed?", 2024,
      section 3.1.
    """
    return _factors(_gru_gates).step(params, carry, inputs)


def min_lstm_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of a minLSTM, which is linear in its carry.

        fₜ = σ(U_f xₜ + b_f)
        iₜ = σ(Uᵢ xₜ + bᵢ)
        nₜ = Uₙ xₜ + bₙ
        hₜ = fₜ / (fₜ + iₜ) ∘ hₜ₋₁ + iₜ / (fₜ + iₜ) ∘ nₜ

    Args:
      params: dict of `kernel` U `[input_size, 3 * hidden_size]` and, optionally, `bias`
        b `[3 * hidden_size]`; gates in the order f, i, n.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Feng, Tung, Ahmed, Bengio and Hajimirsadeghi, "Were RNNs All We Needed?", 2024,
      section 3.2.
    """
    return _factors(_lstm_gates).step(params, carry, inputs)


@cell_maker
def min_gru(hidden_size: int, **weights: Unpack[InputWeights]) -> Cell:
    """Makes a minGRU cell; see `min_gru_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example: without inputs and biases both gates are 1/2, and the carry halves.
      >>> cell = min_gru(3)
      >>> params = cell.init(jax.random.key(0), 2)
      >>> cell.step(params, jax.numpy.array([2.0, 4.0, 6.0]), jax.numpy.zeros(2))[0]
      Array([1., 2., 3.], dtype=float32)
    """
    init = gated_init(hidden_size, "zn", recurrent="", **weights)
    factors = _factors(_gru_gates, weights.get("compute_dtype"))
    return factored_cell(init, zero_carry(hidden_size), factors)


@cell_maker
def min_lstm(hidden_size: int, **weights: Unpack[InputWeights]) -> Cell:
    """Makes a minLSTM cell, with the options of `min_gru`; see `min_lstm_step`.

    Example: gates that are equally closed keep half of the carry, not nothing.
      >>> bias = jax.numpy.repeat(jax.numpy.array([-200.0, -200.0, 0.0]), 2)
      >>> params = {"kernel": jax.numpy.zeros((3, 6)), "bias": bias}
      >>> min_lstm(2).step(params, jax.numpy.array([2.0, 4.0]), jax.numpy.ones(3))[0]
      Array([1., 2.], dtype=float32)
    """
    init = gated_init(hidden_size, "fin", recurrent="", **weights)
    factors = _factors(_lstm_gates, weights.get("compute_dtype"))
    return factored_cell(init, zero_carry(hidden_size), factors)


def _gru_gates(drive):
    """Returns what is kept of the carry, by entry, and what is added to it."""
    z, n = split(drive, 2)
    return sigmoid(-z), sigmoid(z) * n


def _lstm_gates(drive):
    f, i, n = split(drive, 3)
    # f / (f + i), finite also where both gates underflow
    keep = sigmoid(log_sigmoid(f) - log_sigmoid(i))
    return keep, (1 - keep) * n


def _factors(gates, compute_dtype=None):
    def project(params, inputs):
        return gates(driven(params, inputs, compute_dtype))

    return linear_factors(project)
