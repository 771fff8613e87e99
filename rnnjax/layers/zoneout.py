"""Zoneout: units that keep their previous value at random."""

from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import Cell, Engine, Layer, batch_shape, cached, prepared
from rnnjax.cells.wrappers.derived import with_side_inputs
from rnnjax.engines.hoisted import hoisted
from rnnjax.layers.causal import causal_layer
from rnnjax.layers.draws import draw_steps
from rnnjax.parameters import check_params
from rnnjax.unroll import unroll


def zoneout(cell: Cell, rates: Any, *, engine: Engine = hoisted) -> Layer:
    """Makes a layer of a cell whose units keep their previous value at random.

        cₜ = dᶜₜ ∘ cₜ₋₁ + (1 - dᶜₜ) ∘ c̃ₜ
        hₜ = dʰₜ ∘ hₜ₋₁ + (1 - dʰₜ) ∘ h̃ₜ

    where c̃ₜ and h̃ₜ are the carry that the cell computes (h̃ₜ from c̃ₜ, before zoneout),
    and each entry of d is 1 with the probability given for its leaf. Without a key, d
    is that probability itself: its expectation. Leaves that are not floating are never
    kept. The entries of step t are drawn from the key and t, where t counts every step
    since the first chunk, masked or not.

    Args:
      cell: the cell; it must have factors, since its outputs are computed from the
        carry after zoneout.
      rates: the probability of keeping, from 0 to 1: one number for the whole carry, or
        a pytree like the carry, such as `LSTMCarry(h=0.05, c=0.5)`.
      engine: how to run it.

    Returns:
      The layer, over the cell's own parameters; its carry is a dict of `cell` and
      `time`, an int32 scalar.

    Raises:
      ValueError: if a rate is not from 0 to 1, the cell has no factors, or, when run,
        `rates` is neither a number nor a tree like the carry.

    Example:
      >>> layer = zoneout(rnnjax.gru(4), 1.0)
      >>> params = layer.init(jax.random.key(0), 3)
      >>> carry = {"cell": jnp.arange(4.0), "time": jnp.int32(0)}
      >>> carry, outputs = layer.apply(params, carry, jnp.ones((7, 3)))
      >>> outputs[-1], carry["time"]
      (Array([0., 1., 2., 3.], dtype=float32), Array(7, dtype=int32))

    References:
      Krueger et al., "Zoneout: Regularizing RNNs by Randomly Preserving Hidden
      Activations", ICLR 2017, section 3.
    """
    leaves, rates_def = jax.tree.flatten(rates)
    for rate in leaves:
        if not 0 <= rate <= 1:
            raise ValueError(f"rates must be from 0 to 1, got {rate}.")
    if cell.factors is None:
        raise ValueError("cell must have factors, got one that is only a step.")
    return _zoneout(cell, tuple(leaves), rates_def, engine)


@cached
def _zoneout(cell, leaves, rates_def, engine):
    rates = rates_def.unflatten(leaves)
    zoned = with_side_inputs(cell, _zone_out)

    def initial_carry(params, batch_shape=()):
        own = cell.initial_carry(prepared(cell, params), batch_shape)
        return {"cell": own, "time": jnp.zeros((), jnp.int32)}

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        inputs = jax.tree.map(jnp.asarray, inputs)
        num_steps = jax.tree.leaves(inputs)[0].shape[0]
        batch = batch_shape(inputs, cell.input_ndim)
        check_params(cell.init, params, inputs, input_ndim=cell.input_ndim)
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


def _zone_out(update, params, carry, pre, zones):
    def mix(new, old, zone):
        return new if zone is None else zone * old + (1 - zone) * new

    return jax.tree.map(mix, update(params, carry, pre), carry, zones)


def _zones(rates, like, num_steps, num_batch_axes, time, key):
    """Returns d of all steps, None for leaves that are not floating."""
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
