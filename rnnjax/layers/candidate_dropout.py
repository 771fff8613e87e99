"""Dropout of what an LSTM writes into its memory."""

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.base import (
    Engine,
    Factors,
    Layer,
    cached,
    check_positive,
    factored_cell,
)
from rnnjax.cells.lstm import LSTMCarry, lstm
from rnnjax.engines.hoisted import hoisted
from rnnjax.initializers import Initializer
from rnnjax.layers.causal import causal_layer, check_steps
from rnnjax.layers.draws import check_rate, draw_steps
from rnnjax.parameters import check_params
from rnnjax.products import split
from rnnjax.unroll import unroll


@cached
def candidate_dropout(
    hidden_size: int,
    rate: float,
    *,
    engine: Engine = hoisted,
    use_bias: bool = True,
    forget_bias: float = 1.0,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Layer:
    """Makes a layer of an LSTM whose candidates are dropped, never what it keeps.

        cₜ = fₜ ∘ cₜ₋₁ + iₜ ∘ dₜ ∘ gₜ

    and all else as in `lstm_step`; each entry of d is 0 with probability `rate`, else
    1 / (1 - rate). The entries of step t are drawn from `fold_in(key, t)`, where t
    counts every step since the first chunk, masked or not.

    Args:
      hidden_size: width of h, of c and of the outputs.
      rate: the probability of zeroing, from 0 to less than 1.
      engine: how to run it.
      use_bias: see `lstm`, as for all that follow.
      forget_bias: see `lstm`.
      kernel_init: see `lstm`.
      recurrent_kernel_init: see `lstm`.
      bias_init: see `lstm`.
      dtype: see `lstm`.
      compute_dtype: see `lstm`.

    Returns:
      The layer, over the parameters of `lstm`; its carry is a dict of `cell` and
      `time`, an int32 scalar. Without a key it is an LSTM.

    Raises:
      ValueError: if `hidden_size` is not positive, or `rate` not from 0 to less than 1.

    References:
      Semeniuta, Severyn and Barth, "Recurrent Dropout without Memory Loss", COLING
      2016, with masks drawn anew at each step. They scale at inference; here what is
      kept is scaled in training, which is the same on average.
    """
    check_positive(hidden_size=hidden_size)
    check_rate(rate)
    cell = lstm(
        hidden_size,
        use_bias=use_bias,
        forget_bias=forget_bias,
        kernel_init=kernel_init,
        recurrent_kernel_init=recurrent_kernel_init,
        bias_init=bias_init,
        dtype=dtype,
        compute_dtype=compute_dtype,
    )
    dropping = _dropping(cell)

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
            shape = (*batch, hidden_size)
            kept = draw_steps(key, 1 - rate, time, num_steps, shape)
            scale = jnp.asarray(1 / (1 - rate), params["kernel"].dtype)
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


@cached
def _dropping(cell):
    """Makes the LSTM whose inputs are (inputs, d)."""
    own = cell.factors

    def project(params, inputs):
        inputs, d = inputs
        return own.project(params, inputs), d

    def recur(params, carry):
        return own.recur(params, carry), None

    def update(params, carry, pre):
        del params
        pre, d = pre
        i, f, g, o = split(pre, 4)
        c = sigmoid(f) * carry.c + sigmoid(i) * d * jnp.tanh(g)
        return LSTMCarry(h=sigmoid(o) * jnp.tanh(c), c=c)

    factors = Factors(project, recur, update, own.readout)
    return factored_cell(cell.init, cell.initial_carry, factors)
