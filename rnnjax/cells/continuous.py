"""Networks in continuous time by Euler's method: leaky integrators, CTRNN."""

import jax
import jax.numpy as jnp
import numpy as np
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


def leaky_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    leak: float = 0.5,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of leaky integrators.

        hₜ = (1 - a) hₜ₋₁ + a f(U xₜ + W hₜ₋₁ + b)

    Args:
      params: dict of `kernel` Uᵀ `[input_size, hidden_size]`, `recurrent_kernel` Wᵀ
        `[hidden_size, hidden_size]` and, unless left out, `bias` b `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      leak: a, the part of h that is renewed in a step.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Jaeger, Lukosevicius, Popovici and Siewert, "Optimization and Applications of Echo
      State Networks with Leaky-Integrator Neurons", Neural Networks 2007, equation 2,
      without noise and feedback.
    """
    factors = _factors(leak, as_activation(activation), None)
    return factored_step(factors)(params, carry, inputs)


def ctrnn_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of a network in continuous time by Euler's method.

        τ ∘ dh/dt = -h + f(U x + W h + b)
        hₜ = hₜ₋₁ + Δt / τ ∘ (f(U xₜ + W hₜ₋₁ + b) - hₜ₋₁)

    Args:
      params: as the cell's `prepare` returns them, a dict of `kernel` Uᵀ `[input_size,
        hidden_size]`, `recurrent_kernel` Wᵀ `[hidden_size, hidden_size]`, `rate` Δt / τ
        `[hidden_size]` and, unless left out, `bias` b `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ, held for the whole step.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Funahashi and Nakamura, "Approximation of Dynamical Systems by Continuous Time
      Recurrent Neural Networks", Neural Networks 1993; with f around the sum, as is
      common for rates, where they have W f(h).
    """
    factors = _factors(None, as_activation(activation), None)
    return factored_step(factors)(params, carry, inputs)


@cached
def leaky(
    hidden_size: int,
    *,
    leak: float = 0.5,
    activation: str | Activation = jnp.tanh,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a cell of leaky integrators; see `leaky_step` for the equation.

    Args:
      hidden_size: width of the carry and of the outputs.
      leak: a, above 0 and at most 1, where it makes a simple recurrent network.
      activation: f, or its name.
      use_bias: whether there is a bias.
      kernel_init: initializer of the input matrix.
      recurrent_kernel_init: initializer of the recurrent matrix.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive, `leak` not above 0 and at most 1, or
        `activation` not known.

    Example:
      >>> cell = leaky(4, leak=0.1)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    check_positive(hidden_size=hidden_size)
    if not 0 < leak <= 1:
        raise ValueError(f"leak must be above 0 and at most 1, got {leak}.")
    inits = kernel_init, recurrent_kernel_init, bias_init if use_bias else None

    def init(key, input_size):
        return _init(key, input_size, hidden_size, inits, dtype)

    factors = _factors(leak, as_activation(activation), compute_dtype)
    return factored_cell(init, _initial_carry(hidden_size), factors)


@cached
def ctrnn(
    hidden_size: int,
    *,
    dt: float = 1.0,
    time_constants: tuple[float, float] = (2.0, 20.0),
    activation: str | Activation = jnp.tanh,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a cell of units in continuous time; see `ctrnn_step` for the equations.

    Each unit learns a time constant, by its logarithm. Nothing keeps it above Δt: where
    training takes it below, a step overshoots, and below Δt / 2 it may diverge.

    Args:
      hidden_size: width of the carry and of the outputs.
      dt: Δt, the time between two steps, in any unit, such as seconds.
      time_constants: the least and the greatest τ to start from, in the same unit,
        drawn evenly in the logarithm.
      activation: f, or its name.
      use_bias: whether there is a bias.
      kernel_init: initializer of the input matrix.
      recurrent_kernel_init: initializer of the recurrent matrix.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`, and the logarithms of τ are
      the parameter `log_time_constant`.

    Raises:
      ValueError: if `hidden_size` or `dt` is not positive, `time_constants` does not
        rise from at least `dt`, or `activation` is not known.

    Example:
      >>> cell = ctrnn(4, dt=0.1, time_constants=(1.0, 5.0))
      >>> params = cell.prepare(cell.init(jax.random.key(0), 3))
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    check_positive(hidden_size=hidden_size)
    if not dt > 0:
        raise ValueError(f"dt must be positive, got {dt}.")
    if not dt <= time_constants[0] <= time_constants[1]:
        raise ValueError(
            f"time_constants must rise from at least dt, {dt}, got {time_constants}."
        )
    inits = kernel_init, recurrent_kernel_init, bias_init if use_bias else None

    def init(key, input_size):
        keys = jax.random.split(key)
        params = _init(keys[0], input_size, hidden_size, inits, dtype)
        log_tau = uniform_logarithm(*time_constants)(keys[1], (hidden_size,), dtype)
        return params | {"log_time_constant": log_tau}

    def prepare(params):
        params = dict(params)
        return params | {"rate": dt * jnp.exp(-params.pop("log_time_constant"))}

    factors = _factors(None, as_activation(activation), compute_dtype)
    return factored_cell(init, _initial_carry(hidden_size), factors, prepare=prepare)


def uniform_logarithm(least: float, greatest: float) -> Initializer:
    """Makes an initializer of the logarithms of what lies between two numbers."""

    def init(key, shape, dtype=jnp.float32, out_sharding=None):
        del out_sharding  # cells never place arrays
        low, high = np.log(least), np.log(greatest)
        return jax.random.uniform(key, shape, dtype, minval=low, maxval=high)

    return init


def _init(key, input_size, hidden_size, inits, dtype):
    check_positive(input_size=input_size)
    kernel_init, recurrent_kernel_init, bias_init = inits
    keys = jax.random.split(key, 3)
    params = {
        "kernel": kernel_init(keys[0], (input_size, hidden_size), dtype),
        "recurrent_kernel": per_gate(recurrent_kernel_init, 1)(
            keys[1], (hidden_size, hidden_size), dtype
        ),
    }
    if bias_init is not None:
        params["bias"] = bias_init(keys[2], (hidden_size,), dtype)
    return params


def _initial_carry(hidden_size):
    def initial_carry(params, batch_shape=()):
        return jnp.zeros((*batch_shape, hidden_size), params["kernel"].dtype)

    return initial_carry


@cached
def _factors(leak, activation, compute_dtype):
    """Where `leak` is None it is the parameter `rate`."""

    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return drive + params["bias"] if "bias" in params else drive

    def recur(params, carry):
        return matmul(carry, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        a = params["rate"] if leak is None else leak
        return (1 - a) * carry + a * activation(pre)

    def readout(params, carry, inputs):
        del params, inputs
        return carry

    return Factors(project, recur, update, readout)
