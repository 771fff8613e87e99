"""The GRU with layer normalization."""

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    cached,
    factored_cell,
    factored_step,
)
from rnnjax.cells.parts.gated import carry_as_output, gated_init, zero_carry
from rnnjax.cells.parts.normalization import layer_norm
from rnnjax.initializers import Initializer
from rnnjax.products import matmul, split


def gru_layer_norm_step(
    params: Params, carry: Array, inputs: Array, *, epsilon: float = 1e-5
) -> tuple[Array, Array]:
    """Computes one step of a GRU whose products are normalized, each by itself.

        rₜ, zₜ = σ(LN(W_rz hₜ₋₁; α₁) + LN(U_rz xₜ; α₂) + b_rz)
        nₜ = tanh(LN(Uₙ xₜ; α₃) + rₜ ∘ (LN(Wₙ hₜ₋₁; α₄) + cₙ) + bₙ)
        hₜ = (1 - zₜ) ∘ nₜ + zₜ ∘ hₜ₋₁

    Side by side in the order r, z, n; LN is over both gates together, and over n alone.

    Args:
      params: dict of `kernel` U `[input_size, 3 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 3 * hidden_size]`, `kernel_scale` α₂, α₃ and `recurrent_scale`
        α₁, α₄, `[3 * hidden_size]` each, and, unless left out, `bias` b
        `[3 * hidden_size]` and `candidate_bias` cₙ `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      epsilon: added to the variances.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Ba, Kiros and Hinton, "Layer Normalization", 2016, equations 26 to 28; z and 1 - z
      are exchanged, as in all our GRUs, and the gates share one bias.
    """
    return factored_step(_factors(epsilon, None))(params, carry, inputs)


@cached
def gru_layer_norm(
    hidden_size: int,
    *,
    epsilon: float = 1e-5,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    scale_init: Initializer = initializers.ones,
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a GRU with layer normalization; see `gru_layer_norm_step`.

    Args:
      hidden_size: width of the carry and of the outputs.
      epsilon: added to the variances.
      use_bias: whether there are biases.
      kernel_init: initializer of each gate's input matrix.
      recurrent_kernel_init: initializer of each gate's recurrent matrix.
      scale_init: initializer of the gains.
      bias_init: initializer of the biases.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` or `epsilon` is not positive.

    Example:
      >>> cell = gru_layer_norm(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}.")
    plain = gated_init(
        hidden_size,
        3,
        use_bias=use_bias,
        kernel_init=kernel_init,
        recurrent_kernel_init=recurrent_kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )

    def init(key, input_size):
        keys = jax.random.split(key, 4)
        params = plain(keys[0], input_size)
        params["kernel_scale"] = scale_init(keys[1], (3 * hidden_size,), dtype)
        params["recurrent_scale"] = scale_init(keys[2], (3 * hidden_size,), dtype)
        if use_bias:
            params["candidate_bias"] = bias_init(keys[3], (hidden_size,), dtype)
        return params

    factors = _factors(epsilon, compute_dtype)
    return factored_cell(init, zero_carry(hidden_size), factors)


@cached
def _factors(epsilon, compute_dtype):
    """A pre-activation is (drive, pull): the carry's part is normalized by itself."""

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
