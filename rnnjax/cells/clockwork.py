"""The clockwork network: modules of units that tick at periods of their own."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
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


class ClockworkCarry(NamedTuple):
    """The carry of a clockwork network.

    Attributes:
      count: `[...]` int32, how many steps were taken.
      h: `[..., hidden_size]`, what the cell shows.
    """

    count: Array
    h: Array


export.register_namedtuple_serialization(
    ClockworkCarry, serialized_name="rnnjax.ClockworkCarry"
)


def clockwork_step(
    params: Params,
    carry: ClockworkCarry,
    inputs: Array,
    *,
    periods: tuple[int, ...],
    activation: str | Activation = jnp.tanh,
) -> tuple[ClockworkCarry, Array]:
    """Computes one step of a clockwork network.

        hₜ⁽ᵍ⁾ = f(U⁽ᵍ⁾ xₜ + Σⱼ W⁽ᵍʲ⁾ hₜ₋₁⁽ʲ⁾ + b⁽ᵍ⁾) where t mod T_g = 0
        hₜ⁽ᵍ⁾ = hₜ₋₁⁽ᵍ⁾ elsewhere

    for each module g, the sum over all modules j with T_j ≥ T_g: the quick listen to
    the slow. Steps are counted from 0, so that all modules compute the first one.
    Steps that a mask leaves out are not counted.

    Args:
      params: as the cell's `prepare` returns them, a dict of `kernel` Uᵀ `[input_size,
        hidden_size]`, `recurrent_kernel` Wᵀ `[hidden_size, hidden_size]`, zero from
        quick to slow, and, unless left out, `bias` b `[hidden_size]`.
      carry: t and hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      periods: T, in steps, of modules of hidden_size / len(periods) units each.
      activation: f, or its name.

    Returns:
      The carry of t + 1 and hₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Koutnik, Greff, Gomez and Schmidhuber, "A Clockwork RNN", ICML 2014. Modules of
      equal period, which the paper does not have, listen to each other.
    """
    factors = _factors(tuple(periods), as_activation(activation), None)
    return factored_step(factors)(params, carry, inputs)


@cached
def clockwork(
    hidden_size: int,
    periods: tuple[int, ...],
    *,
    activation: str | Activation = jnp.tanh,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a clockwork cell; see `clockwork_step` for the equations.

    Args:
      hidden_size: width of h and of the outputs.
      periods: the period of each module in steps, such as (1, 2, 4, 8); the modules
        are of equal width and stand side by side in this order.
      activation: f, or its name.
      use_bias: whether there is a bias.
      kernel_init: initializer of the input matrix.
      recurrent_kernel_init: initializer of the recurrent matrix as a whole; its entries
        from a quick module to a slow one are never read.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of h and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell, over `ClockworkCarry`.

    Raises:
      ValueError: if `hidden_size` or a period is not positive, or `hidden_size` is not
        a multiple of the number of modules, or `activation` is not known.

    Example:
      >>> cell = clockwork(6, periods=(1, 4))
      >>> params = cell.prepare(cell.init(jax.random.key(0), 3))
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape, carry.count
      ((6,), Array(1, dtype=int32))
    """
    check_positive(hidden_size=hidden_size)
    for period in periods:
        check_positive(period=period)
    if not periods or hidden_size % len(periods):
        raise ValueError(
            f"hidden_size must be a multiple of the number of periods, got "
            f"{hidden_size} for {len(periods)}."
        )

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        params = {
            "kernel": kernel_init(keys[0], (input_size, hidden_size), dtype),
            "recurrent_kernel": per_gate(recurrent_kernel_init, 1)(
                keys[1], (hidden_size, hidden_size), dtype
            ),
        }
        if use_bias:
            params["bias"] = bias_init(keys[2], (hidden_size,), dtype)
        return params

    def prepare(params):
        T = _periods_of_units(periods, hidden_size)
        kernel = params["recurrent_kernel"]
        heard = jnp.where(T[:, None] >= T, kernel, jnp.zeros_like(kernel))
        return dict(params) | {"recurrent_kernel": heard}

    def initial_carry(params, batch_shape=()):
        return ClockworkCarry(
            count=jnp.zeros(batch_shape, jnp.int32),
            h=jnp.zeros((*batch_shape, hidden_size), params["kernel"].dtype),
        )

    factors = _factors(periods, as_activation(activation), compute_dtype)
    return factored_cell(init, initial_carry, factors, prepare=prepare)


def _periods_of_units(periods, hidden_size):
    return np.repeat(np.array(periods, np.int32), hidden_size // len(periods))


@cached
def _factors(periods, activation, compute_dtype):
    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return drive + params["bias"] if "bias" in params else drive

    def recur(params, carry):
        return matmul(carry.h, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        del params
        T = _periods_of_units(periods, pre.shape[-1])
        ticks = carry.count[..., None] % T == 0
        h = jnp.where(ticks, activation(pre), carry.h)
        return ClockworkCarry(count=carry.count + 1, h=h)

    def readout(params, carry, inputs):
        del params, inputs
        return carry.h

    return Factors(project, recur, update, readout)
