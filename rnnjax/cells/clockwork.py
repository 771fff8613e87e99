"""The clockwork network: modules of units that are updated at different periods."""

from typing import NamedTuple, Unpack

import jax.numpy as jnp
import numpy as np

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, check_positive, factored_cell, serializable
from rnnjax.cells.elman import elman
from rnnjax.cells.parts.gated import gated_factors
from rnnjax.cells.parts.weights import Weights, cell_maker


@serializable
class ClockworkCarry(NamedTuple):
    """The carry of a clockwork network.

    Attributes:
      count: `[...]` int32, number of steps taken.
      h: `[..., hidden_size]`, the hidden units, which are also the outputs.
    """

    count: Array
    h: Array


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

    for each module g, with the sum over all modules j with T_j ≥ T_g: fast modules read
    slow ones. Steps are counted from 0, so that all modules are updated at the first.
    Masked steps are not counted.

    Args:
      params: as the cell's `prepare` returns them, a dict of `kernel` U `[input_size,
        hidden_size]`, `recurrent_kernel` W `[hidden_size, hidden_size]`, zero from fast
        to slow modules, and, optionally, `bias` b `[hidden_size]`.
      carry: t and hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      periods: T, in steps, of modules of hidden_size / len(periods) units each.
      activation: f, or its name.

    Returns:
      The carry of t + 1 and hₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Koutnik, Greff, Gomez and Schmidhuber, "A Clockwork RNN", ICML 2014. Modules of
      equal periods, which the paper does not have, read each other.
    """
    return _factors(periods, as_activation(activation)).step(params, carry, inputs)


@cell_maker
def clockwork(
    hidden_size: int,
    periods: tuple[int, ...],
    *,
    activation: str | Activation = jnp.tanh,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a clockwork cell; see `clockwork_step` for the equations.

    Args:
      hidden_size: width of h and of the outputs.
      periods: the period of each module in steps, such as (1, 2, 4, 8); the modules
        have equal widths and stand side by side in this order.
      activation: f, or its name.
      **weights: options of the parameters, see `Weights`. The recurrent matrix is drawn
        as a whole; its entries from fast to slow modules are never read.

    Returns:
      The cell, over `ClockworkCarry`.

    Raises:
      ValueError: if `hidden_size` is not a multiple of the number of modules.

    Example: a module of period 3 changes at every third step.
      >>> cell = clockwork(2, periods=(1, 3))
      >>> params = cell.init(jax.random.key(0), 1)
      >>> _, outputs = rnnjax.unroll(cell, params, jnp.arange(7.0)[:, None])
      >>> outputs[1:, 1] != outputs[:-1, 1]
      Array([False, False,  True, False, False,  True], dtype=bool)
    """
    check_positive(hidden_size=hidden_size)
    for period in periods:
        check_positive(period=period)
    if not periods or hidden_size % len(periods):
        raise ValueError(
            f"hidden_size must be a multiple of the number of periods, got "
            f"{hidden_size} for {len(periods)}."
        )

    def prepare(params):
        T = _periods_of_units(periods, hidden_size)
        kernel = params["recurrent_kernel"]
        read = jnp.where(T[:, None] >= T, kernel, jnp.zeros_like(kernel))
        return dict(params) | {"recurrent_kernel": read}

    def initial_carry(params, batch_shape=()):
        return ClockworkCarry(
            count=jnp.zeros(batch_shape, jnp.int32),
            h=jnp.zeros((*batch_shape, hidden_size), params["kernel"].dtype),
        )

    init = elman(hidden_size, **weights).init
    factors = _factors(periods, as_activation(activation), weights.get("compute_dtype"))
    return factored_cell(init, initial_carry, factors, prepare=prepare)


def _periods_of_units(periods, hidden_size):
    return np.repeat(np.array(periods, np.int32), hidden_size // len(periods))


def _factors(periods, activation, compute_dtype=None):
    def update(params, carry, pre):
        T = _periods_of_units(periods, pre.shape[-1])
        is_due = carry.count[..., None] % T == 0
        h = jnp.where(is_due, activation(pre), carry.h)
        return ClockworkCarry(count=carry.count + 1, h=h)

    return gated_factors(update, compute_dtype, shown=lambda carry: carry.h)
