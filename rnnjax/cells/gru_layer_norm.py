"""The GRU with layer normalization."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.base import Array, Cell, Factors, Params, factored_cell
from rnnjax.cells.parts.gated import carry_as_output, gated_init, zero_carry
from rnnjax.cells.parts.normalization import layer_norm
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.initializers import Initializer
from rnnjax.products import matmul, split


def gru_layer_norm_step(
    params: Params, carry: Array, inputs: Array, *, epsilon: float = 1e-5
) -> tuple[Array, Array]:
    """Computes one step of a GRU whose input and recurrent products are normalized.

        rₜ, zₜ = σ(LN(W_rz hₜ₋₁; α₁) + LN(U_rz xₜ; α₂) + b_rz)
        nₜ = tanh(LN(Uₙ xₜ; α₃) + rₜ ∘ (LN(Wₙ hₜ₋₁; α₄) + cₙ) + bₙ)
        hₜ = (1 - zₜ) ∘ nₜ + zₜ ∘ hₜ₋₁

    LN takes mean and variance over both gates together, and over n alone; see
    `rnnjax.cells.parts.normalization.layer_norm`.

    Args:
      params: dict of `kernel` U `[input_size, 3 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 3 * hidden_size]`, `kernel_scale` α₂, α₃ and `recurrent_scale`
        α₁, α₄ `[3 * hidden_size]` and, optionally, `bias` b `[3 * hidden_size]` and
        `candidate_bias` cₙ `[hidden_size]`; gates in the order r, z, n.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      epsilon: added to the variances.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Ba, Kiros and Hinton, "Layer Normalization", 2016, equations 26 to 28; z and 1 - z
      are exchanged, as in all GRUs here, and the gates share one bias.
    """
    return _factors(epsilon).step(params, carry, inputs)


@cell_maker
def gru_layer_norm(
    hidden_size: int,
    *,
    epsilon: float = 1e-5,
    scale_init: Initializer = initializers.ones,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a GRU with layer normalization; see `gru_layer_norm_step`.

    Args:
      hidden_size: width of the carry and of the outputs.
      epsilon: added to the variances.
      scale_init: initializer of the gains.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `epsilon` is not positive.

    Example: the outputs do not depend on the scale of the inputs.
      >>> cell = gru_layer_norm(3, epsilon=1e-12)
      >>> params = cell.init(jax.random.key(0), 2)
      >>> carry, inputs = cell.initial_carry(params), jnp.array([1.0, -2.0])
      >>> one, other = (cell.step(params, carry, a * inputs)[1] for a in (1, 1000))
      >>> jnp.allclose(one, other, atol=1e-5).item()
      True
    """
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}.")
    plain = gated_init(hidden_size, "rzn", **weights)
    options = WeightOptions(**weights)

    def init(key, input_size):
        keys = jax.random.split(key, 4)
        params = plain(keys[0], input_size)
        width, dtype = 3 * hidden_size, options.dtype
        params["kernel_scale"] = scale_init(keys[1], (width,), dtype)
        params["recurrent_scale"] = scale_init(keys[2], (width,), dtype)
        if options.use_bias:
            bias = options.bias_init(keys[3], (hidden_size,), dtype)
            params["candidate_bias"] = bias
        return params

    factors = _factors(epsilon, options.compute_dtype)
    return factored_cell(init, zero_carry(hidden_size), factors)


def _factors(epsilon, compute_dtype=None):
    """A pre-activation is (drive, pull), since each is normalized separately."""

    def normalized(product, scale):
        place = [product.shape[-1] // 3 * 2]
        pairs = zip(split(product, place), split(scale, place))
        return tuple(layer_norm(x, own, epsilon) for x, own in pairs)

    def project(params, inputs):
        product = matmul(inputs, params["kernel"], compute_dtype)
        rz, n = normalized(product, params["kernel_scale"])
        if "bias" in params:
            own = split(params["bias"], [rz.shape[-1]])
            rz, n = rz + own[0], n + own[1]
        return (rz, n), None

    def recur(params, carry):
        return None, matmul(carry, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        (rz, n), pull = pre
        gates, candidate = normalized(pull, params["recurrent_scale"])
        if "candidate_bias" in params:
            candidate = candidate + params["candidate_bias"]
        r, z = split(sigmoid(rz + gates), 2)
        return (1 - z) * jnp.tanh(n + r * candidate) + z * carry

    return Factors(project, recur, update, carry_as_output)
