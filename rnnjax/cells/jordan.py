"""The network of Jordan, whose output is fed back."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.activations import Activation, as_activation
from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    cached,
    check_positive,
    factored_cell,
    factored_step,
)
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul


def jordan_step(
    params: Params,
    carry: dict[str, Array],
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
    output_activation: str | Activation = "identity",
) -> tuple[dict[str, Array], Array]:
    """Computes one step of a network whose output is fed back.

        hₜ = f(A xₜ + Bᵢ hₜ₋₁ + Bₒ oₜ₋₁ + b)
        oₜ = g(C hₜ + e)

    Args:
      params: dict of `kernel` Aᵀ `[input_size, hidden_size]`, `feedback_kernel` Bₒᵀ
        `[output_size, hidden_size]`, `output_kernel` Cᵀ `[hidden_size, output_size]`
        and, unless left out, `recurrent_kernel` Bᵢᵀ `[hidden_size, hidden_size]`,
        `bias` b `[hidden_size]` and `output_bias` e `[output_size]`.
      carry: dict of `h` `[..., hidden_size]` and `outputs` `[..., output_size]`, of the
        step before; without Bᵢ there is no `h`.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.
      output_activation: g, or its name.

    Returns:
      The carry, and the outputs oₜ `[..., output_size]`.

    References:
      Jordan, "Serial order: A parallel distributed processing approach", 1986; Bᵢ, the
      units' own feedback, stands for the decay of his state units.
    """
    f, g = as_activation(activation), as_activation(output_activation)
    return factored_step(_factors(f, g, None))(params, carry, inputs)


def jordan_forced_step(
    params: Params,
    carry: Array,
    inputs: dict[str, Array],
    *,
    activation: str | Activation = jnp.tanh,
    output_activation: str | Activation = "identity",
) -> tuple[Array, Array]:
    """Computes one step under teacher forcing: the target is fed back, not the output.

        hₜ = f(A xₜ + Bᵢ hₜ₋₁ + Bₒ yₜ₋₁ + b)
        oₜ = g(C hₜ + e)

    Args:
      params: as of `jordan_step`, with `recurrent_kernel`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: dict of `features` xₜ `[..., input_size]` and `target` yₜ₋₁
        `[..., output_size]`: what the step before should have given, so the caller
        moves the targets one step later.
      activation: f, or its name.
      output_activation: g, or its name.

    Returns:
      hₜ `[..., hidden_size]` and the outputs oₜ `[..., output_size]`.

    References:
      Williams and Zipser, "A Learning Algorithm for Continually Running Fully Recurrent
      Neural Networks", Neural Computation 1989, section 3.
    """
    f, g = as_activation(activation), as_activation(output_activation)
    return factored_step(_forced_factors(f, g, None))(params, carry, inputs)


@cached
def jordan(
    hidden_size: int,
    output_size: int,
    *,
    activation: str | Activation = jnp.tanh,
    output_activation: str | Activation = "identity",
    teacher_forcing: bool = False,
    use_hidden: bool = True,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a network of Jordan; see `jordan_step` and `jordan_forced_step`.

    Both forms have the same parameters: train with teacher forcing, then run without.

    Args:
      hidden_size: width of h.
      output_size: width of the outputs.
      activation: f, or its name.
      output_activation: g, or its name.
      teacher_forcing: whether the target is fed back, which then enters as an input.
      use_hidden: whether h is fed back too; Jordan's own network feeds the output
        alone.
      use_bias: whether there are biases b and e.
      kernel_init: initializer of A, Bₒ and C.
      recurrent_kernel_init: initializer of Bᵢ.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell.

    Raises:
      ValueError: if a size is not positive, an activation is not known, or teacher
        forcing is asked for where nothing else is carried.

    Example:
      >>> cell = jordan(4, 2)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (2,)
    """
    check_positive(hidden_size=hidden_size, output_size=output_size)
    if teacher_forcing and not use_hidden:
        raise ValueError(
            "use_hidden must be true under teacher forcing, which leaves nothing else "
            "to carry, got False."
        )
    f, g = as_activation(activation), as_activation(output_activation)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 4)
        sizes = {
            "kernel": (input_size, hidden_size),
            "feedback_kernel": (output_size, hidden_size),
            "output_kernel": (hidden_size, output_size),
        }
        params = {
            name: per_gate(kernel_init, 1)(own, shape, dtype)
            for own, (name, shape) in zip(keys, sizes.items())
        }
        if use_hidden:
            params["recurrent_kernel"] = per_gate(recurrent_kernel_init, 1)(
                keys[3], (hidden_size, hidden_size), dtype
            )
        if use_bias:
            params["bias"] = jnp.zeros(hidden_size, dtype)
            params["output_bias"] = jnp.zeros(output_size, dtype)
        return params

    def initial_carry(params, batch_shape=()):
        dtype = params["kernel"].dtype
        h = jnp.zeros((*batch_shape, hidden_size), dtype)
        if teacher_forcing:
            return h
        outputs = jnp.zeros((*batch_shape, output_size), dtype)
        return {"h": h, "outputs": outputs} if use_hidden else {"outputs": outputs}

    factors = _forced_factors if teacher_forcing else _factors
    return factored_cell(init, initial_carry, factors(f, g, compute_dtype))


def _biased(params, pre, name):
    return pre + params[name] if name in params else pre


@cached
def _factors(activation, output_activation, compute_dtype):
    def project(params, inputs):
        return _biased(params, matmul(inputs, params["kernel"], compute_dtype), "bias")

    def recur(params, carry):
        pull = matmul(carry["outputs"], params["feedback_kernel"], compute_dtype)
        if "recurrent_kernel" in params:
            h = matmul(carry["h"], params["recurrent_kernel"], compute_dtype)
            pull = pull + h
        return pull

    def update(params, carry, pre):
        h = activation(pre)
        product = matmul(h, params["output_kernel"], compute_dtype)
        outputs = output_activation(_biased(params, product, "output_bias"))
        return {"h": h, "outputs": outputs} if "h" in carry else {"outputs": outputs}

    def readout(params, carry, inputs):
        del params, inputs
        return carry["outputs"]

    return Factors(project, recur, update, readout)


@cached
def _forced_factors(activation, output_activation, compute_dtype):
    def project(params, inputs):
        drive = matmul(inputs["features"], params["kernel"], compute_dtype)
        target = matmul(inputs["target"], params["feedback_kernel"], compute_dtype)
        return _biased(params, drive + target, "bias")

    def recur(params, carry):
        return matmul(carry, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        del params, carry
        return activation(pre)

    def readout(params, carry, inputs):
        del inputs
        product = matmul(carry, params["output_kernel"], compute_dtype)
        return output_activation(_biased(params, product, "output_bias"))

    return Factors(project, recur, update, readout)
