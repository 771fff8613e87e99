"""Long short-term memory over trees."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import Array, Params, cached, check_positive
from rnnjax.cells.lstm import LSTMCarry, lstm
from rnnjax.cells.parts.gated import GateBias
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.initializers import per_gate
from rnnjax.products import matmul, split
from rnnjax.trees.base import TreeCell


def child_sum_tree_lstm_step(
    params: Params, children: LSTMCarry, children_mask: Array, inputs: Array
) -> tuple[LSTMCarry, Array]:
    """Computes one node of a child-sum Tree-LSTM, whose children have no order.

        h̃ⱼ = Σₖ hₖ                              over the children k of node j
        iⱼ = σ(Wᵢ xⱼ + Uᵢ h̃ⱼ + bᵢ)
        fⱼₖ = σ(W_f xⱼ + U_f hₖ + b_f)
        oⱼ = σ(Wₒ xⱼ + Uₒ h̃ⱼ + bₒ)
        uⱼ = tanh(Wᵤ xⱼ + Uᵤ h̃ⱼ + bᵤ)
        cⱼ = iⱼ ∘ uⱼ + Σₖ fⱼₖ ∘ cₖ
        hⱼ = oⱼ ∘ tanh(cⱼ)

    The gates are concatenated in the order i, f, u, o. The parameters are those of
    `rnnjax.lstm`, and with one child per node this is its step.

    Args:
      params: dict of `kernel` W `[input_size, 4 * hidden_size]`, `recurrent_kernel` U
        `[hidden_size, 4 * hidden_size]` and, if there is one, `bias` b
        `[4 * hidden_size]`.
      children: hₖ and cₖ, `[..., max_children, hidden_size]`; zeros for absent
        children.
      children_mask: `[..., max_children]` bool; not read, since zeros add nothing.
      inputs: `[..., input_size]`, xⱼ.

    Returns:
      The carry of hⱼ and cⱼ, and the outputs hⱼ `[..., hidden_size]`.

    References:
      Tai, Socher and Manning, "Improved Semantic Representations From Tree-Structured
      Long Short-Term Memory Networks", ACL 2015, equations 2 to 8.
    """
    drive = _project(None)(params, inputs)
    return _combine_child_sum(None)(params, children, children_mask, drive)


def nary_tree_lstm_step(
    params: Params, children: LSTMCarry, children_mask: Array, inputs: Array
) -> tuple[LSTMCarry, Array]:
    """Computes one node of an N-ary Tree-LSTM, whose children are ordered.

        iⱼ = σ(Wᵢ xⱼ + Σₗ Uᵢₗ hₗ + bᵢ)          over the children l = 1 … N of node j
        fⱼₖ = σ(W_f xⱼ + Σₗ U_fₖₗ hₗ + b_f)
        oⱼ = σ(Wₒ xⱼ + Σₗ Uₒₗ hₗ + bₒ)
        uⱼ = tanh(Wᵤ xⱼ + Σₗ Uᵤₗ hₗ + bᵤ)
        cⱼ = iⱼ ∘ uⱼ + Σₖ fⱼₖ ∘ cₖ
        hⱼ = oⱼ ∘ tanh(cⱼ)

    The gates are concatenated in the order i, f, u, o; in U there is a forget gate for
    each child, f₁ … f_N, in W and b there is one. With N = 1 the parameters and the
    step are those of `rnnjax.lstm`.

    Args:
      params: dict of `kernel` W `[input_size, 4 * hidden_size]`, `recurrent_kernel` U
        `[N * hidden_size, (N + 3) * hidden_size]`, the first child's rows first, and,
        if there is one, `bias` b `[4 * hidden_size]`.
      children: hₗ and cₗ, `[..., N, hidden_size]`; zeros for absent children.
      children_mask: `[..., N]` bool; not read, since zeros add nothing.
      inputs: `[..., input_size]`, xⱼ.

    Returns:
      The carry of hⱼ and cⱼ, and the outputs hⱼ `[..., hidden_size]`.

    References:
      Tai, Socher and Manning, "Improved Semantic Representations From Tree-Structured
      Long Short-Term Memory Networks", ACL 2015, equations 9 to 14.
    """
    drive = _project(None)(params, inputs)
    return _combine_nary(None)(params, children, children_mask, drive)


@cell_maker
def child_sum_tree_lstm(
    hidden_size: int,
    *,
    forget_bias: GateBias = 1.0,
    **weights: Unpack[Weights],
) -> TreeCell:
    """Makes a child-sum Tree-LSTM; see `child_sum_tree_lstm_step` for the equations.

    For nodes with any number of children, in no order, as in dependency trees.

    Args:
      hidden_size: width of h, of c and of the outputs.
      forget_bias: added to the initial bias of the forget gates.
      **weights: options of the parameters, see `rnnjax.cells.parts.weights.Weights`.

    Returns:
      The cell, over `LSTMCarry`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      The order of the children does not matter:

      >>> cell = child_sum_tree_lstm(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> children = rnnjax.cells.lstm.LSTMCarry(h=jnp.eye(2, 4), c=jnp.eye(2, 4))
      >>> swapped = jax.tree.map(lambda x: x[::-1], children)
      >>> one, two = (
      ...     cell.step(params, both, jnp.ones(2, bool), jnp.ones(3))[1]
      ...     for both in (children, swapped)
      ... )
      >>> bool(jnp.allclose(one, two))
      True
    """
    like = lstm(hidden_size, forget_bias=forget_bias, **weights)
    compute_dtype = weights.get("compute_dtype")
    project, combine = _project(compute_dtype), _combine_child_sum(compute_dtype)
    return TreeCell(like.init, like.initial_carry, project, combine)


@cell_maker
def nary_tree_lstm(
    hidden_size: int,
    max_children: int = 2,
    *,
    forget_bias: GateBias = 1.0,
    **weights: Unpack[Weights],
) -> TreeCell:
    """Makes an N-ary Tree-LSTM; see `nary_tree_lstm_step` for the equations.

    For nodes with few children, in order, as in binary constituency trees.

    Args:
      hidden_size: width of h, of c and of the outputs.
      max_children: N, the largest number of children of a node.
      forget_bias: added to the initial bias of the forget gates.
      **weights: options of the parameters, see `rnnjax.cells.parts.weights.Weights`.

    Returns:
      The cell, over `LSTMCarry`.

    Raises:
      ValueError: if `hidden_size` or `max_children` is not positive.

    Example:
      With one child per node it is an LSTM:

      >>> cell, chain = nary_tree_lstm(4, max_children=1), rnnjax.lstm(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> child = rnnjax.cells.lstm.LSTMCarry(h=jnp.ones((1, 4)), c=jnp.ones((1, 4)))
      >>> _, outputs = cell.step(params, child, jnp.ones(1, bool), jnp.ones(3))
      >>> before = jax.tree.map(lambda x: x[0], child)
      >>> bool(jnp.allclose(outputs, chain.step(params, before, jnp.ones(3))[1]))
      True
    """
    check_positive(max_children=max_children)
    like = lstm(hidden_size, forget_bias=forget_bias, **weights)
    options = WeightOptions(**weights)
    num_gates = max_children + 3
    shape = (max_children * hidden_size, num_gates * hidden_size)

    def init(key, input_size):
        key, recurrent_key = jax.random.split(key)
        draw = per_gate(options.recurrent_kernel_init, num_gates)
        recurrent_kernel = draw(recurrent_key, shape, options.dtype)
        return like.init(key, input_size) | {"recurrent_kernel": recurrent_kernel}

    compute_dtype = weights.get("compute_dtype")
    project, combine = _project(compute_dtype), _combine_nary(compute_dtype)
    return TreeCell(init, like.initial_carry, project, combine, max_children)


@cached
def _project(compute_dtype):
    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return drive + params["bias"] if "bias" in params else drive

    return project


@cached
def _combine_child_sum(compute_dtype):
    def combine(params, children, children_mask, drive):
        del children_mask
        places = [children.h.shape[-1], 2 * children.h.shape[-1]]
        kernel_i, kernel_f, kernel_uo = split(params["recurrent_kernel"], places)
        kernel = jnp.concatenate([kernel_i, kernel_uo], axis=-1)
        pull = matmul(children.h.sum(axis=-2), kernel, compute_dtype)
        pull_i, pull_uo = split(pull, places[:1])
        i, f, uo = split(drive, places)
        f = f[..., None, :] + matmul(children.h, kernel_f, compute_dtype)
        return _node(i + pull_i, f, uo + pull_uo, children)

    return combine


@cached
def _combine_nary(compute_dtype):
    def combine(params, children, children_mask, drive):
        del children_mask
        *batch, num_children, hidden_size = children.h.shape
        h = children.h.reshape(*batch, num_children * hidden_size)
        pull = matmul(h, params["recurrent_kernel"], compute_dtype)
        pull_i, pull_f, pull_uo = split(
            pull, [hidden_size, (num_children + 1) * hidden_size]
        )
        i, f, uo = split(drive, [hidden_size, 2 * hidden_size])
        f = f[..., None, :] + pull_f.reshape(children.h.shape)
        return _node(i + pull_i, f, uo + pull_uo, children)

    return combine


def _node(i, f, uo, children):
    """Computes carry and outputs from the pre-activations, f for every child."""
    u, o = split(uo, 2)
    kept = (sigmoid(f) * children.c).sum(axis=-2)
    c = sigmoid(i) * jnp.tanh(u) + kept
    h = sigmoid(o) * jnp.tanh(c)
    return LSTMCarry(h=h, c=c), h
