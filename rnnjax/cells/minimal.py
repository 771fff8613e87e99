"""minGRU and minLSTM: gates that see the input alone."""

import jax
import jax.numpy as jnp
from jax.nn import initializers, log_sigmoid, sigmoid

from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    cached,
    factored_cell,
    factored_step,
)
from rnnjax.cells.parts.gated import carry_as_output, driven, gated_init, zero_carry
from rnnjax.initializers import Initializer
from rnnjax.products import split


def min_gru_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of a minGRU.

        zₜ = σ(U_z xₜ + b_z)
        nₜ = Uₙ xₜ + bₙ
        hₜ = (1 - zₜ) ∘ hₜ₋₁ + zₜ ∘ nₜ

    Linear in the carry. Side by side in the order z, n.

    Args:
      params: dict of `kernel` U `[input_size, 2 * hidden_size]` and, unless left out,
        `bias` b `[2 * hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Feng, Tung, Ahmed, Bengio and Hajimirsadeghi, "Were RNNs All We Needed?", 2024,
      section 3.1.
    """
    return factored_step(_factors("gru", None))(params, carry, inputs)


def min_lstm_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of a minLSTM.

        fₜ = σ(U_f xₜ + b_f)
        iₜ = σ(Uᵢ xₜ + bᵢ)
        nₜ = Uₙ xₜ + bₙ
        hₜ = fₜ / (fₜ + iₜ) ∘ hₜ₋₁ + iₜ / (fₜ + iₜ) ∘ nₜ

    Linear in the carry. Side by side in the order f, i, n.

    Args:
      params: dict of `kernel` U `[input_size, 3 * hidden_size]` and, unless left out,
        `bias` b `[3 * hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Feng, Tung, Ahmed, Bengio and Hajimirsadeghi, "Were RNNs All We Needed?", 2024,
      section 3.2.
    """
    return factored_step(_factors("lstm", None))(params, carry, inputs)


@cached
def min_gru(
    hidden_size: int,
    *,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a minGRU cell; see `min_gru_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      use_bias: whether there is a bias.
      kernel_init: initializer of each part's input matrix.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> cell = min_gru(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> sorted(params), outputs.shape
      (['bias', 'kernel'], (4,))
    """
    init = gated_init(
        hidden_size,
        2,
        num_recurrent=0,
        use_bias=use_bias,
        kernel_init=kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    return factored_cell(init, zero_carry(hidden_size), _factors("gru", compute_dtype))


@cached
def min_lstm(
    hidden_size: int,
    *,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a minLSTM cell; see `min_lstm_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      use_bias: whether there is a bias.
      kernel_init: initializer of each part's input matrix.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> cell = min_lstm(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> sorted(params), outputs.shape
      (['bias', 'kernel'], (4,))
    """
    init = gated_init(
        hidden_size,
        3,
        num_recurrent=0,
        use_bias=use_bias,
        kernel_init=kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    return factored_cell(init, zero_carry(hidden_size), _factors("lstm", compute_dtype))


@cached
def _factors(kind, compute_dtype):
    """A pre-activation is (what is kept, what is added); the carry pulls at nothing."""

    def project(params, inputs):
        drive = driven(params, inputs, compute_dtype)
        if kind == "gru":
            z, n = split(drive, 2)
            return sigmoid(-z), sigmoid(z) * n
        f, i, n = split(drive, 3)
        # f / (f + i), finite also where both gates are shut in full
        keep = sigmoid(log_sigmoid(f) - log_sigmoid(i))
        return keep, (1 - keep) * n

    def recur(params, carry):
        del params, carry
        return None

    def update(params, carry, pre):
        del params
        keep, added = pre
        return keep * carry + added

    return Factors(project, recur, update, carry_as_output)
