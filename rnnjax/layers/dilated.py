"""Cells that continue from several steps ago."""

import jax
import jax.numpy as jnp

from rnnjax.base import (
    Cell,
    Engine,
    Layer,
    batch_shape,
    cached,
    check_positive,
    prepared,
)
from rnnjax.engines.hoisted import hoisted
from rnnjax.layers.causal import causal_layer, check_steps
from rnnjax.layers.convolution import causal_convolution
from rnnjax.layers.recurrent import recurrent
from rnnjax.layers.stack import stack
from rnnjax.masking import pad_time, select
from rnnjax.parameters import check_params
from rnnjax.placement import place_like


@cached
def dilated(cell: Cell, dilation: int, *, engine: Engine = hoisted) -> Layer:
    """Makes a layer from a cell that continues from `dilation` steps ago.

        carryₜ, outputsₜ = cell(carryₜ₋d, inputsₜ)

    That is d interleaved sequences, which run as T / d steps over a batch d times as
    large. A masked step passes on the carry of d steps ago. Where `is_first` is true,
    all d carries are reset.

    Args:
      cell: the cell.
      dilation: d, in steps; 1 is the cell itself.
      engine: how to run it.

    Returns:
      The layer, over the cell's own parameters. Its carry is a queue of d carries
      `[d, ...batch, ...]`; the next step continues from the first.

    Raises:
      ValueError: if `dilation` is not a positive whole number.

    Example:
      >>> layer = dilated(rnnjax.lstm(4), 3)
      >>> params = layer.init(jax.random.key(0), 3)
      >>> carry, outputs = layer.apply(params, None, jnp.ones((7, 2, 3)))
      >>> outputs.shape, carry.h.shape
      ((7, 2, 4), (3, 2, 4))

    References:
      Chang et al., "Dilated Recurrent Neural Networks", NeurIPS 2017, equation 2 and
      section 2.1, which describes this way of running it.
    """
    check_positive(dilation=dilation)
    plain = recurrent(cell, engine=engine)

    def initial_carry(params, batch_shape=()):
        return plain.initial_carry(params, (dilation, *batch_shape))

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del key
        inputs = jax.tree.map(jnp.asarray, inputs)
        check_steps(inputs, mask, is_first, cell.input_ndim)
        num_steps = jax.tree.leaves(inputs)[0].shape[0]
        batch = batch_shape(inputs, cell.input_ndim)
        check_params(cell.init, params, inputs, input_ndim=cell.input_ndim)
        width = max(1, min(dilation, num_steps))  # number of carries continued
        if mask is None and num_steps % width:
            mask = jnp.ones((num_steps, *batch), bool)
        if carry is None:
            carry = initial_carry(params, batch)
        reset = None if is_first is None else _reset_phases(is_first, dilation)
        used, outputs = plain.apply(
            params,
            jax.tree.map(lambda x: x[:width], carry),
            _fold(inputs, width),
            mask=_fold(mask, width),
            is_first=None if reset is None else _fold(reset[:num_steps], width),
        )

        def requeue(used, before):
            waiting = place_like(before[width:], used)
            return jnp.roll(jnp.concatenate([used, waiting]), -num_steps, axis=0)

        carry = jax.tree.map(requeue, used, carry)
        if reset is not None:
            initial = place_like(cell.initial_carry(prepared(cell, params)), carry)
            carry = select(reset[num_steps:], initial, carry)
        return carry, jax.tree.map(lambda x: _unfold(x, num_steps), outputs)

    return causal_layer(cell.init, initial_carry, apply, input_ndim=cell.input_ndim)


@cached
def dilated_stack(
    *cells: Cell, base: int = 2, start: int = 0, engine: Engine = hoisted
) -> Layer:
    """Makes a stack of cells with dilations that grow as powers.

        layer l of L has dilation M^(l - 1 + l₀)

    With l₀ = 0 the first layer is not dilated. With l₀ > 0 it looks back M^l₀ steps,
    and no layer mixes nearby steps, so a final convolution over M^l₀ steps does.

    Args:
      *cells: the cells, from the inputs to the outputs.
      base: M, the ratio of the dilations of successive layers.
      start: l₀, from 0.
      engine: how to run them.

    Returns:
      The `stack` of `dilated` cells, followed, unless `start` is 0, by a
      `causal_convolution` as wide as the last cell's outputs.

    Raises:
      ValueError: if there is no cell, `base` is not a positive whole number, or `start`
        is not a whole number from 0.

    Example:
      >>> layer = dilated_stack(*[rnnjax.gru(4)] * 3, base=2, start=1)
      >>> params = layer.init(jax.random.key(0), 3)
      >>> carry, outputs = layer.apply(params, None, jnp.ones((7, 2, 3)))
      >>> [x.shape[0] for x in carry]
      [2, 4, 8, 1]

    References:
      Chang et al., "Dilated Recurrent Neural Networks", NeurIPS 2017, equations 3 and 4
      and figure 2.
    """
    if not cells:
        raise ValueError("cells must be at least one, got none.")
    check_positive(base=base)
    if not isinstance(start, int) or isinstance(start, bool) or start < 0:
        raise ValueError(f"start must be a whole number from 0, got {start!r}.")
    layers = [
        dilated(cell, base ** (start + i), engine=engine)
        for i, cell in enumerate(cells)
    ]
    if start > 0:
        layers.append(causal_convolution(base**start))
    return stack(*layers)


def _reset_phases(is_first, dilation):
    """Marks the steps to reset, including the `dilation` steps beyond the last.

    A step continues from `dilation` steps ago, so it is reset if a sequence began at
    one of the last `dilation` steps, including its own.
    """
    count = jnp.cumsum(pad_time(is_first, 0, dilation), axis=0)
    return count > pad_time(count, dilation, 0)[:-dilation]


def _fold(tree, width):
    """Reshapes `[T, ...]` to `[T / width, width, ...]`, padded with zeros."""

    def fold(x):
        x = pad_time(x, 0, -x.shape[0] % width)
        return x.reshape(-1, width, *x.shape[1:])

    return jax.tree.map(fold, tree)


def _unfold(x, num_steps):
    return x.reshape(-1, *x.shape[2:])[:num_steps]
