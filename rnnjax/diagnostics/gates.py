"""What gates and units do: shut, saturated, dead; how long they keep."""

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
      cell: one with factors whose first pre-activation is the gates' side by side,
        each to be put through σ, such as `lstm` and `gru`.
      params: its parameters.
      inputs: `[T, ..., input_size]`.
      names: a letter a gate, in order: "ifgo" for `lstm`, "rz" for `gru`.
      carry: the carry that the first step reads; None: the initial one.

    Returns:
      `[T, ..., hidden_size]` from 0 to 1, by name; the candidate g, no gate, is left
      out.

    Raises:
      ValueError: if the cell has no factors, or its width is no multiple of the
        number of names.
    """
    factors = cell.factors
    if factors is None:
        raise ValueError("cell must have factors, got a step alone.")
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
    """Counts how often each unit's gate is all but shut or open.

    Args:
      gate: `[..., hidden_size]` from 0 to 1.
      margin: below it a gate is shut, above 1 minus it open.

    Returns:
      The shares of shut and of open, `[hidden_size]` each, to be drawn one against the
      other.

    References:
      Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent
      Networks", 2015, section 4.2, whose margin is 0.1.
    """
    axes = tuple(range(gate.ndim - 1))
    return (gate < margin).mean(axes), (gate > 1 - margin).mean(axes)


def time_constants(gate: Array) -> Array:
    """Computes how many steps each unit keeps what it holds.

        τ = -1 / mean of log f,   so that Π f = e^(-T / τ)

    Args:
      gate: `[..., hidden_size]`, what multiplies the carry: f of an LSTM, z of our
        GRU.

    Returns:
      `[hidden_size]`, steps until a share 1/e is left; inf where the gate is 1. The
      mean over units is the horizon of the layer's memory.

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
      outputs: `[..., hidden_size]`, such as of a ReLU network.
      tolerance: how far from zero still counts.
    """
    return (jnp.abs(outputs) <= tolerance).all(tuple(range(outputs.ndim - 1)))


def saturated_units(outputs: Array, *, margin: float = 0.05) -> Array:
    """Returns the share of steps at which a unit is near -1 or 1, `[hidden_size]`.

    Args:
      outputs: `[..., hidden_size]` of tanh.
      margin: how near.
    """
    return (jnp.abs(outputs) > 1 - margin).mean(tuple(range(outputs.ndim - 1)))


def effective_rank(carries: Array) -> Array:
    """Computes how many directions of the carry are in use.

        exp(-Σ pᵢ log pᵢ),  pᵢ = σᵢ / Σ σ  of the singular values

    Args:
      carries: `[..., hidden_size]`; all axes but the last are rows.

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
