"""The liquid time-constant network, whose time constants depend on its inputs."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, check_positive, factored_cell
from rnnjax.cells.parts.gated import driven, gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.initializers import Initializer, uniform_logarithm
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

    Semi-implicit: the decay uses the new h, g the old one. So h stays between 0 and A
    for steps of any length, if f is not negative.

    Args:
      params: as the cell's `prepare` returns them, those of `elman_step`, `decay` 1 / τ
        and `reversal` A `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ, constant during the step.
      dt: Δt, the time between two steps, in the unit of τ.
      num_unfolds: L, number of solver steps in it.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Hasani, Lechner, Amini, Rus and Grosu, "Liquid Time-constant Networks", AAAI 2021,
      equations 1 and 3, algorithm 1.
    """
    factors = _factors(dt, num_unfolds, as_activation(activation))
    return factors.step(params, carry, inputs)


@cell_maker
def ltc(
    hidden_size: int,
    *,
    dt: float = 1.0,
    num_unfolds: int = 6,
    time_constants: tuple[float, float] = (1.0, 10.0),
    activation: str | Activation = sigmoid,
    reversal_init: Initializer = initializers.normal(1.0),
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a liquid time-constant cell; see `ltc_step` for the equations.

    Only the product of the first solver step is available to engines; the others are
    computed inside the loop over time.

    Args:
      hidden_size: width of the carry and of the outputs.
      dt: Δt, the time between two steps, in any unit, such as seconds.
      num_unfolds: L, number of solver steps in it.
      time_constants: smallest and largest initial τ, in the same unit; they are drawn
        uniformly in the logarithm.
      activation: f, or its name; with negative values the solver may divide by zero.
      reversal_init: initializer of A.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`, and the logarithms of τ are
      the parameter `log_time_constant`.

    Raises:
      ValueError: if `dt` is not positive, or `time_constants` do not rise from above 0.

    Example: h stays between 0 and A even in very long steps.
      >>> cell = ltc(4, dt=1e6)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> share = rnnjax.unroll(cell, params, jnp.ones((7, 3)))[1] / params["reversal"]
      >>> bool((share > 0).all() and (share < 1).all())
      True
    """
    check_positive(hidden_size=hidden_size, num_unfolds=num_unfolds)
    if not dt > 0:
        raise ValueError(f"dt must be positive, got {dt}.")
    if not 0 < time_constants[0] <= time_constants[1]:
        raise ValueError(
            f"time_constants must rise from above 0, got {time_constants}."
        )
    dtype = WeightOptions(**weights).dtype
    log_init = uniform_logarithm(*time_constants)
    plain = gated_init(hidden_size, "h", kernel_as_whole=True, **weights)

    def init(key, input_size):
        keys = jax.random.split(key, 5)
        return plain(key, input_size, bias_key=keys[4]) | {
            "reversal": reversal_init(keys[2], (hidden_size,), dtype),
            "log_time_constant": log_init(keys[3], (hidden_size,), dtype),
        }

    def prepare(params):
        params = dict(params)
        return params | {"decay": jnp.exp(-params.pop("log_time_constant"))}

    factors = _factors(
        dt, num_unfolds, as_activation(activation), weights.get("compute_dtype")
    )
    return factored_cell(init, zero_carry(hidden_size), factors, prepare=prepare)


def _factors(dt, num_unfolds, activation, compute_dtype=None):
    """A pre-activation is (drive, pull): later solver steps need them separately."""

    def project(params, inputs):
        return driven(params, inputs, compute_dtype), None

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

    return gated_factors(update)._replace(project=project, recur=recur)
