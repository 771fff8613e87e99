"""Zoneout: units that keep what they held."""

from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import (
    Cell,
    Engine,
    Factors,
    Layer,
    batch_shape,
    cached,
    factored_cell,
    prepared,
)
from rnnjax.engines.hoisted import hoisted
from rnnjax.layers.causal import causal_layer
from rnnjax.layers.draws import draw_steps
from rnnjax.unroll import unroll


def zoneout(cell: Cell, rates: Any, *, engine: Engine = hoisted) -> Layer:
    """Makes a layer of a cell whose units keep, at random, what they held.

        cₜ = dᶜₜ ∘ cₜ₋₁ + (1 - dᶜₜ) ∘ c̃ₜ
        hₜ = dʰₜ ∘ hₜ₋₁ + (1 - dʰₜ) ∘ h̃ₜ

    where c̃ₜ and h̃ₜ are what the cell would have left, each from the other before it is
    zoned out, and each entry of d is 1 with its leaf's rate. Without a key, d is the
    rate itself: the expectation. What does not float is never kept. The entries of
    step t are drawn from the key and t, where t counts every step since the first
    chunk, masked or not.

    Args:
      cell: the cell; it must have factors, since its outputs are read from the carry
        that was kept.
      rates: the probability of keeping, from 0 to 1: one number for the whole carry, or
        a tree like it, such as `LSTMCarry(h=0.05, c=0.5)`.
      engine: how to run it.

    Returns:
      The layer, over the cell's own parameters; its carry is a dict of `cell` and
      `time`, an int32 scalar.

    Raises:
      ValueError: if a rate is not from 0 to 1, the cell has no factors, or, when run,
        `rates` is neither a number nor a tree like the carry.

    Example:
      >>> layer = zoneout(rnnjax.lstm(4), rnnjax.cells.lstm.LSTMCarry(h=0.05, c=0.5))
      >>> params = layer.init(jax.random.key(0), 3)
      >>> inputs = jnp.ones((7, 2, 3))
      >>> carry, outputs = layer.apply(params, None, inputs, key=jax.random.key(1))
      >>> outputs.shape
      (7, 2, 4)

    References:
      Krueger et al., "Zoneout: Regularizing RNNs by Randomly Preserving Hidden
      Activations", ICLR 2017, section 3.
    """
    leaves, rates_def = jax.tree.flatten(rates)
    for rate in leaves:
        if not 0 <= rate <= 1:
            raise ValueError(f"rates must be from 0 to 1, got {rate}.")
    if cell.factors is None:
        raise ValueError("cell must have factors, got one with a step alone.")
    return _zoneout(cell, tuple(leaves), rates_def, engine)


@cached
def _zoneout(cell, leaves, rates_def, engine):
    rates = rates_def.unflatten(leaves)
    zoned = _zoned(cell)

    def initial_carry(params, batch_shape=()):
        own = cell.initial_carry(prepared(cell, params), batch_shape)
        return {"cell": own, "time": jnp.zeros((), jnp.int32)}

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        inputs = jax.tree.map(jnp.asarray, inputs)
        num_steps = jax.tree.leaves(inputs)[0].shape[0]
        batch = batch_shape(inputs, cell.input_ndim)
        like = jax.eval_shape(lambda params: initial_carry(params, batch), params)
        time = jnp.zeros((), jnp.int32) if carry is None else carry["time"]
        own, outputs = unroll(
            zoned,
            params,
            (inputs, _zones(rates, like["cell"], num_steps, len(batch), time, key)),
            carry=None if carry is None else carry["cell"],
            mask=mask,
            is_first=is_first,
            engine=engine,
        )
        return {"cell": own, "time": time + num_steps}, outputs

    return causal_layer(cell.init, initial_carry, apply, input_ndim=cell.input_ndim)


@cached
def _zoned(cell):
    """Makes the cell whose inputs are (inputs, zones), zones a tree like its carry."""
    own = cell.factors

    def project(params, inputs):
        inputs, zones = inputs
        return own.project(params, inputs), zones

    def recur(params, carry):
        return own.recur(params, carry), None

    def update(params, carry, pre):
        pre, zones = pre

        def zone_out(new, old, zone):
            return new if zone is None else zone * old + (1 - zone) * new

        return jax.tree.map(zone_out, own.update(params, carry, pre), carry, zones)

    def readout(params, carry, inputs):
        return own.readout(params, carry, inputs[0])

    return factored_cell(
        cell.init,
        cell.initial_carry,
        Factors(project, recur, update, readout),
        prepare=cell.prepare,
        input_ndim=cell.input_ndim,
    )


def _zones(rates, like, num_steps, num_batch_axes, time, key):
    """Returns d of all steps, None for leaves that do not float."""
    leaves, carry_def = jax.tree.flatten(like)
    try:
        rate_of = jax.tree.leaves(jax.tree.broadcast(rates, like))
    except ValueError:
        raise ValueError(
            f"rates must be a number or a tree like the carry, {carry_def}, "
            f"got {jax.tree.structure(rates)}."
        ) from None
    zones = []
    for i, (leaf, rate) in enumerate(zip(leaves, rate_of)):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            zones.append(None)
        elif key is None:
            batch, rest = leaf.shape[:num_batch_axes], leaf.shape[num_batch_axes:]
            shape = (num_steps, *batch, *[1] * len(rest))
            zones.append(jnp.full(shape, rate, leaf.dtype))
        else:
            own_key = jax.random.fold_in(key, i)
            drawn = draw_steps(own_key, rate, time, num_steps, leaf.shape)
            zones.append(drawn.astype(leaf.dtype))
    return carry_def.unflatten(zones)
