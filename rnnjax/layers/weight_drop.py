"""DropConnect on a cell's recurrent matrices."""

import jax

from rnnjax.base import Cell, Engine, Layer, cached
from rnnjax.engines.hoisted import hoisted
from rnnjax.layers.causal import causal_layer
from rnnjax.layers.draws import check_rate, draw_scale
from rnnjax.layers.recurrent import recurrent
from rnnjax.parameters import check_params


@cached
def weight_drop(
    cell: Cell,
    rate: float,
    *,
    names: tuple[str, ...] = ("recurrent_kernel", "candidate_kernel"),
    engine: Engine = hoisted,
) -> Layer:
    """Makes a layer from a cell with dropout on its recurrent weights.

        W becomes M ∘ W, M = 0 with probability `rate`, else 1 / (1 - rate)

    There is one mask for all steps and for the whole batch. It is applied before
    `Cell.prepare`, so that what a cell computes from its matrices it computes from the
    dropped ones. It depends only on the key, so a later chunk with the same key has the
    same mask.

    Args:
      cell: the cell.
      rate: the probability of zeroing a weight, from 0 to less than 1.
      names: the parameters to drop, anywhere in the pytree; at least one must exist.
      engine: how to run it.

    Returns:
      The layer, over the cell's own parameters and carry. Without a key it is
      `recurrent(cell)`.

    Raises:
      ValueError: if `rate` is not from 0 to less than 1, or, in `init`, no parameter
        has one of the names.

    References:
      Merity, Keskar and Socher, "Regularizing and Optimizing LSTM Language Models",
      ICLR 2018, section 2; Wan et al., "Regularization of Neural Networks using
      DropConnect", ICML 2013.
    """
    check_rate(rate)
    plain = recurrent(cell, engine=engine)

    def is_named(path):
        return getattr(path[-1], "key", None) in names

    def init(key, input_size):
        params = plain.init(key, input_size)
        leaves = jax.tree.leaves_with_path(params)
        if not any(is_named(path) for path, _ in leaves):
            there = [jax.tree_util.keystr(path) for path, _ in leaves]
            raise ValueError(f"names must be among {there}, got {list(names)}.")
        return params

    def drop(params, key):
        leaves, params_def = jax.tree.flatten_with_path(params)
        return params_def.unflatten(
            leaf * draw_scale(jax.random.fold_in(key, i), rate, leaf.shape, leaf.dtype)
            if is_named(path)
            else leaf
            for i, (path, leaf) in enumerate(leaves)
        )

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        check_params(init, params, inputs, input_ndim=cell.input_ndim)
        if key is not None and rate > 0:
            params = drop(params, key)
        return plain.apply(params, carry, inputs, mask=mask, is_first=is_first)

    return causal_layer(init, plain.initial_carry, apply, input_ndim=cell.input_ndim)
