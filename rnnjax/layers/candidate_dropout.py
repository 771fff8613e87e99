"""Dropout of what an LSTM adds to its memory cells."""

import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import Cell, Engine, Layer, cached
from rnnjax.cells.lstm import LSTMCarry, lstm
from rnnjax.cells.wrappers.derived import with_side_inputs
from rnnjax.engines.hoisted import hoisted
from rnnjax.layers.causal import causal_layer, check_steps
from rnnjax.layers.draws import check_rate, draw_steps
from rnnjax.parameters import check_params
from rnnjax.products import split
from rnnjax.unroll import unroll


@cached
def candidate_dropout(cell: Cell, rate: float, *, engine: Engine = hoisted) -> Layer:
    """Makes a layer from an LSTM with dropout on the candidate, not on the memory.

        cₜ = fₜ ∘ cₜ₋₁ + iₜ ∘ dₜ ∘ gₜ

    and otherwise as in `lstm_step`. Each entry of d is 0 with probability `rate`, else
    1 / (1 - rate). The entries of step t are drawn from `fold_in(key, t)`, where t
    counts every step since the first chunk, masked or not.

    Args:
      cell: the cell, made by `lstm`.
      rate: the probability of zeroing, from 0 to less than 1.
      engine: how to run it.

    Returns:
      The layer, over the cell's own parameters; its carry is a dict of `cell` and
      `time`, an int32 scalar. Without a key it is the LSTM.

    Raises:
      ValueError: if `rate` is not from 0 to less than 1, or the cell is not an `lstm`.

    Example: with f = 1 and i = 0 the memory cells are kept.
      >>> layer = candidate_dropout(rnnjax.lstm(1), 0.5)
      >>> params = layer.init(jax.random.key(0), 3)
      >>> params["bias"] = jnp.array([-100.0, 100.0, 0.0, 0.0])  # i, f, g, o
      >>> carry = {"cell": LSTMCarry(h=jnp.zeros(1), c=jnp.ones(1)), "time": 0}
      >>> carry, _ = layer.apply(params, carry, jnp.ones((7, 3)), key=jax.random.key(1))
      >>> carry["cell"].c
      Array([1.], dtype=float32)

    References:
      Semeniuta, Severyn and Barth, "Recurrent Dropout without Memory Loss", COLING
      2016, with a new mask at each step. They scale at inference; here the entries that
      are kept are scaled in training, which is the same on average.
    """
    check_rate(rate)
    if cell.factors is None or cell.factors.update is not _lstm_update():
        raise ValueError("cell must be made by `lstm`, got another cell.")
    dropping = with_side_inputs(cell, _update)

    def initial_carry(params, batch_shape=()):
        own = cell.initial_carry(params, batch_shape)
        return {"cell": own, "time": jnp.zeros((), jnp.int32)}

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        inputs = jnp.asarray(inputs)
        check_steps(inputs, mask, is_first, 1)
        num_steps, *batch, _ = inputs.shape
        check_params(cell.init, params, inputs)
        time = jnp.zeros((), jnp.int32) if carry is None else carry["time"]
        runner, read = cell, inputs
        if key is not None and rate > 0:
            kernel = params["recurrent_kernel"]
            shape = (*batch, kernel.shape[0])
            kept = draw_steps(key, 1 - rate, time, num_steps, shape)
            scale = jnp.asarray(1 / (1 - rate), kernel.dtype)
            runner, read = dropping, (inputs, jnp.where(kept, scale, 0))
        own, outputs = unroll(
            runner,
            params,
            read,
            carry=None if carry is None else carry["cell"],
            mask=mask,
            is_first=is_first,
            engine=engine,
        )
        return {"cell": own, "time": time + num_steps}, outputs

    return causal_layer(cell.init, initial_carry, apply)


def _lstm_update():
    factors = lstm(1).factors
    assert factors is not None
    return factors.update


def _update(lstm_update, params, carry, pre, d):
    del lstm_update, params
    i, f, g, o = split(pre, 4)
    c = sigmoid(f) * carry.c + sigmoid(i) * d * jnp.tanh(g)
    return LSTMCarry(h=sigmoid(o) * jnp.tanh(c), c=c)
