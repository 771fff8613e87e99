"""The liquid network: time constants that the inputs and the carry change."""

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

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
from rnnjax.cells.continuous import uniform_logarithm
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul


def ltc_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    dt: float = 1.0,
    num_unfolds: int = 6,
    activation: str | Activation = sigmoid,
) -> tuple[Array, Array]:
    """Computes one step of a liquid time-constant network by its fused solver.

        dh/dt = -(1 / τ + g) ∘ h + g ∘ A,  g = f(U x + W h + b)
        h ← (h + δ g ∘ A) / (1 + δ (1 / τ + g)),  L times with δ = Δt / L

    Half implicit: h stands new where it decays and old in g. So h stays between 0 and A
    for steps of any length, if f is not negative.

    Args:
      params: as the cell's `prepare` returns them, a dict of `kernel` Uᵀ `[input_size,
        hidden_size]`, `recurrent_kernel` Wᵀ `[hidden_size, hidden_size]`, `decay` 1 / τ
        and `reversal` A `[hidden_size]` and, unless left out, `bias` b `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ, held for the whole step.
      dt: Δt, the time between two steps, in the unit of τ.
      num_unfolds: L, number of steps of the solver in it.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Hasani, Lechner, Amini, Rus and Grosu, "Liquid Time-constant Networks", AAAI 2021,
      equations 1 and 3, algorithm 1.
    """
    factors = _factors(dt, num_unfolds, as_activation(activation), None)
    return factored_step(factors)(params, carry, inputs)


@cached
def ltc(
    hidden_size: int,
    *,
    dt: float = 1.0,
    num_unfolds: int = 6,
    time_constants: tuple[float, float] = (1.0, 10.0),
    activation: str | Activation = sigmoid,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    reversal_init: Initializer = initializers.normal(1.0),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a liquid time-constant cell; see `ltc_step` for the equations.

    Only the first step of the solver leaves its product to the engine: the others are
    computed within the loop of time.

    Args:
      hidden_size: width of the carry and of the outputs.
      dt: Δt, the time between two steps, in any unit, such as seconds.
      num_unfolds: number of steps of the solver in it.
      time_constants: the least and the greatest τ to start from, in the same unit,
        drawn evenly in the logarithm.
      activation: f, or its name; where it is negative the solver may divide by zero.
      use_bias: whether there is a bias.
      kernel_init: initializer of the input matrix.
      recurrent_kernel_init: initializer of the recurrent matrix.
      reversal_init: initializer of A.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`, and the logarithms of τ are
      the parameter `log_time_constant`.

    Raises:
      ValueError: if `hidden_size`, `num_unfolds` or `dt` is not positive,
        `time_constants` do not rise from above 0, or `activation` is not known.

    Example:
      >>> cell = ltc(4, dt=0.1)
      >>> params = cell.prepare(cell.init(jax.random.key(0), 3))
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    check_positive(hidden_size=hidden_size, num_unfolds=num_unfolds)
    if not dt > 0:
        raise ValueError(f"dt must be positive, got {dt}.")
    if not 0 < time_constants[0] <= time_constants[1]:
        raise ValueError(
            f"time_constants must rise from above 0, got {time_constants}."
        )

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 5)
        size = (hidden_size,)
        params = {
            "kernel": kernel_init(keys[0], (input_size, hidden_size), dtype),
            "recurrent_kernel": per_gate(recurrent_kernel_init, 1)(
                keys[1], (hidden_size, hidden_size), dtype
            ),
            "reversal": reversal_init(keys[2], size, dtype),
            "log_time_constant": uniform_logarithm(*time_constants)(
                keys[3], size, dtype
            ),
        }
        if use_bias:
            params["bias"] = bias_init(keys[4], size, dtype)
        return params

    def prepare(params):
        params = dict(params)
        return params | {"decay": jnp.exp(-params.pop("log_time_constant"))}

    def initial_carry(params, batch_shape=()):
        return jnp.zeros((*batch_shape, hidden_size), params["kernel"].dtype)

    factors = _factors(dt, num_unfolds, as_activation(activation), compute_dtype)
    return factored_cell(init, initial_carry, factors, prepare=prepare)


@cached
def _factors(dt, num_unfolds, activation, compute_dtype):
    """A pre-activation is (drive, pull): the solver's later steps need them apart."""

    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return drive + params["bias"] if "bias" in params else drive, None

    def recur(params, carry):
        return None, matmul(carry, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        (drive, pull), h = pre, carry
        step = dt / num_unfolds
        for unfold in range(num_unfolds):
            if unfold > 0:
                pull = matmul(h, params["recurrent_kernel"], compute_dtype)
            g = activation(drive + pull)
            h = (h + step * g * params["reversal"]) / (1 + step * (params["decay"] + g))
        return h

    def readout(params, carry, inputs):
        del params, inputs
        return carry

    return Factors(project, recur, update, readout)
