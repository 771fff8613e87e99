"""Activity of gates and units: saturated, dead, and their time constants."""

from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Carry, Cell, Params, pre_activation
from rnnjax.diagnostics.trajectory import carries_read
from rnnjax.products import split


def gates(
    cell: Cell,
    params: Params,
    inputs: Any,
    names: str,
    *,
    carry: Carry | None = None,
) -> dict[str, Array]:
    """Computes the gates of a cell at every step.

    Args:
      cell: one with factors, the first of whose pre-activations holds the gates side by
        side, before σ, such as `lstm` and `gru`.
      params: its parameters.
      inputs: `[T, ..., input_size]`.
      names: one letter per gate, in order: "ifgo" for `lstm`, "rz" for `gru`.
      carry: the carry that the first step reads; None: the initial one.

    Returns:
      `[T, ..., hidden_size]` from 0 to 1, by name, without the candidate g.

    Raises:
      ValueError: if the cell has no factors, or its width is not a multiple of the
        number of names.
    """
    factors = cell.factors
    if factors is None:
        raise ValueError("cell must have factors, got one that is only a step.")
    own = params if cell.prepare is None else cell.prepare(params)
    carries = carries_read(cell, params, inputs, carry=carry)

    def of_gates(carry, inputs):
        drive = factors.project(own, inputs)
        return jax.tree.leaves(pre_activation(drive, factors.recur(own, carry)))[0]

    pre = jax.vmap(of_gates)(carries, inputs)
    if pre.shape[-1] % len(names):
        raise ValueError(f"names must divide the width {pre.shape[-1]}, got {names!r}.")
    parts = dict(zip(names, split(pre, len(names))))
    return {name: jax.nn.sigmoid(x) for name, x in parts.items() if name != "g"}


def saturation(gate: Array, *, margin: float = 0.1) -> tuple[Array, Array]:
    """Computes how often each gate is nearly closed or nearly open.

    Args:
      gate: `[..., hidden_size]` from 0 to 1.
      margin: a gate is closed below it and open above 1 minus it.

    Returns:
      The fractions of steps at which it is closed and open, `[hidden_size]` each.

    References:
      Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent
      Networks", 2015, section 4.2, whose margin is 0.1.
    """
    axes = tuple(range(gate.ndim - 1))
    return (gate < margin).mean(axes), (gate > 1 - margin).mean(axes)


def time_constants(gate: Array) -> Array:
    """Computes the time constant of each unit, in steps.

        τ = -1 / mean of log f,   so that Π f = e^(-T / τ)

    Args:
      gate: `[..., hidden_size]`, what multiplies the carry: f of an LSTM, z of our
        GRU.

    Returns:
      `[hidden_size]`, steps until 1/e is left; inf where the gate is 1.

    Example:
      >>> time_constants(jnp.full((7, 1), 0.9)).round(2)
      Array([9.49], dtype=float32)

    References:
      Tallec and Ollivier, "Can recurrent neural networks warp time?", ICLR 2018.
    """
    return -1 / jnp.log(gate).mean(tuple(range(gate.ndim - 1)))


def dead_units(outputs: Array, *, tolerance: float = 0.0) -> Array:
    """Returns whether each unit is zero at every step, `[hidden_size]` bool.

    Args:
      outputs: `[..., hidden_size]`, of a ReLU network for example.
      tolerance: largest magnitude that counts as zero.
    """
    return (jnp.abs(outputs) <= tolerance).all(tuple(range(outputs.ndim - 1)))


def saturated_units(outputs: Array, *, margin: float = 0.05) -> Array:
    """Returns the fraction of steps at which a unit is near ±1, `[hidden_size]`.

    Args:
      outputs: `[..., hidden_size]` of tanh.
      margin: largest distance from ±1.
    """
    return (jnp.abs(outputs) > 1 - margin).mean(tuple(range(outputs.ndim - 1)))


def effective_rank(carries: Array) -> Array:
    """Computes the effective number of dimensions of the carry.

        exp(-Σ pᵢ log pᵢ),  pᵢ = σᵢ / Σ σ  of the singular values

    Args:
      carries: `[..., hidden_size]`; all axes except the last are rows.

    Returns:
      From 1 to `hidden_size`.

    References:
      Roy and Vetterli, "The effective rank: A measure of effective dimensionality",
      EUSIPCO 2007.
    """
    rows = carries.reshape(-1, carries.shape[-1])
    values = jnp.linalg.svd(rows, compute_uv=False)
    shares = values / values.sum()
    return jnp.exp(jax.scipy.special.entr(shares).sum())
