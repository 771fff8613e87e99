"""The three mutants that a search over ten thousand cells found."""

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
from rnnjax.cells.parts.gated import (
    carry_as_output,
    driven,
    gated_init,
    with_candidate_kernel,
    zero_carry,
)
from rnnjax.initializers import Initializer
from rnnjax.products import matmul, split


def mut1_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of MUT1, whose update gate sees the input alone.

        zₜ = σ(U_z xₜ + b_z)
        rₜ = σ(Uᵣ xₜ + Wᵣ hₜ₋₁ + bᵣ)
        nₜ = tanh(Wₙ (rₜ ∘ hₜ₋₁) + tanh(Uₙ xₜ) + bₙ)
        hₜ = nₜ ∘ zₜ + hₜ₋₁ ∘ (1 - zₜ)

    Side by side in the order r, z, n.

    Args:
      params: dict of `kernel` U `[input_size, 3 * hidden_size]`, `recurrent_kernel` Wᵣ
        `[hidden_size, hidden_size]`, `candidate_kernel` Wₙ of the same shape and,
        unless left out, `bias` b `[3 * hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration of Recurrent Network
      Architectures", ICML 2015, MUT1; its tanh(xₜ) asks for inputs as wide as h, so a
      matrix Uₙ stands before x here.
    """
    return factored_step(_factors(1, None))(params, carry, inputs)


def mut2_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of MUT2.

        zₜ = σ(U_z xₜ + W_z hₜ₋₁ + b_z)
        rₜ = σ(Uᵣ xₜ + Wᵣ hₜ₋₁ + bᵣ)
        nₜ = tanh(Wₙ (rₜ ∘ hₜ₋₁) + Uₙ xₜ + bₙ)
        hₜ = nₜ ∘ zₜ + hₜ₋₁ ∘ (1 - zₜ)

    Side by side in the order r, z, n.

    Args:
      params: as of `mut1_step`, but `recurrent_kernel` Wᵣ, W_z
        `[hidden_size, 2 * hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration of Recurrent Network
      Architectures", ICML 2015, MUT2; its r adds xₜ itself, which asks for inputs as
      wide as h: with Uᵣ the identity this is the same.
    """
    return factored_step(_factors(2, None))(params, carry, inputs)


def mut3_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of MUT3, whose update gate sees tanh of the carry.

        zₜ = σ(U_z xₜ + W_z tanh(hₜ₋₁) + b_z)
        rₜ = σ(Uᵣ xₜ + Wᵣ hₜ₋₁ + bᵣ)
        nₜ = tanh(Wₙ (rₜ ∘ hₜ₋₁) + Uₙ xₜ + bₙ)
        hₜ = nₜ ∘ zₜ + hₜ₋₁ ∘ (1 - zₜ)

    Side by side in the order r, z, n.

    Args:
      params: as of `mut1_step`, and `update_kernel` W_z `[hidden_size, hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration of Recurrent Network
      Architectures", ICML 2015, MUT3.
    """
    return factored_step(_factors(3, None))(params, carry, inputs)


@cached
def mut1(
    hidden_size: int,
    *,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a MUT1 cell; see `mut1_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      use_bias: whether there is a bias.
      kernel_init: initializer of each part's input matrix.
      recurrent_kernel_init: initializer of each part's recurrent matrix.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> cell = mut1(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    init = gated_init(
        hidden_size,
        3,
        num_recurrent=2,
        use_bias=use_bias,
        kernel_init=kernel_init,
        recurrent_kernel_init=recurrent_kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    return _cell(1, hidden_size, init, compute_dtype)


@cached
def mut2(
    hidden_size: int,
    *,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a MUT2 cell; see `mut2_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      use_bias: whether there is a bias.
      kernel_init: initializer of each part's input matrix.
      recurrent_kernel_init: initializer of each part's recurrent matrix.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> cell = mut2(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    init = gated_init(
        hidden_size,
        3,
        use_bias=use_bias,
        kernel_init=kernel_init,
        recurrent_kernel_init=recurrent_kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    return _cell(2, hidden_size, init, compute_dtype)


@cached
def mut3(
    hidden_size: int,
    *,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a MUT3 cell; see `mut3_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      use_bias: whether there is a bias.
      kernel_init: initializer of each part's input matrix.
      recurrent_kernel_init: initializer of each part's recurrent matrix.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> cell = mut3(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    init = gated_init(
        hidden_size,
        3,
        use_bias=use_bias,
        kernel_init=kernel_init,
        recurrent_kernel_init=recurrent_kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    return _cell(3, hidden_size, init, compute_dtype)


def _cell(number, hidden_size, side_by_side, compute_dtype):
    parted = with_candidate_kernel(side_by_side)

    def init(key, input_size):
        params = parted(key, input_size)
        if number == 3:
            r, z = split(params["recurrent_kernel"], 2)
            params |= {"recurrent_kernel": r, "update_kernel": z}
        return params

    factors = _factors(number, compute_dtype)
    return factored_cell(init, zero_carry(hidden_size), factors)


@cached
def _factors(number, compute_dtype):
    """A pre-activation is (r, z, n)."""

    def project(params, inputs):
        if number != 1:
            return tuple(split(driven(params, inputs, compute_dtype), 3))
        # the bias of n is added after its own tanh
        drive = matmul(inputs, params["kernel"], compute_dtype)
        r, z, n = split(drive, 3)
        n = jnp.tanh(n)
        if "bias" in params:
            own = split(params["bias"], 3)
            r, z, n = r + own[0], z + own[1], n + own[2]
        return r, z, n

    def recur(params, carry):
        pull = matmul(carry, params["recurrent_kernel"], compute_dtype)
        r, z = split(pull, 2) if number == 2 else (pull, None)
        return r, z, None

    def update(params, carry, pre):
        r, z, n = pre
        if number == 3:
            z = z + matmul(jnp.tanh(carry), params["update_kernel"], compute_dtype)
        z = sigmoid(z)
        reset = sigmoid(r) * carry
        n = n + matmul(reset, params["candidate_kernel"], compute_dtype)
        return jnp.tanh(n) * z + carry * (1 - z)

    return Factors(project, recur, update, carry_as_output)
