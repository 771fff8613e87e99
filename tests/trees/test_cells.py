"""Cells over trees against their papers, and against what they reduce to."""

import functools

import jax
import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.trees import (
    batch_trees,
    child_sum_tree_lstm,
    child_sum_tree_lstm_step,
    nary_tree_lstm,
    nary_tree_lstm_step,
    recursive,
    recursive_step,
    take_roots,
    tensor_recursive,
    tensor_recursive_step,
    unroll_trees,
)
from rnnjax.unroll import unroll
from tests.cells.paper import IN_NUMPY, by_gate, initial, sigmoid
from tests.differences import differences_along
from tests.loop import in_numpy
from tests.pytrees import assert_close, draw_like
from tests.refusals import refuses
from tests.trees.programs import draw_arguments, draw_params, program
from tests.trees.registry import HAS_INPUTS, PARENTS, TREES, D, H, TreeCase

SEVERAL = [[-1, 0, 0, 0, 2, 2, 2, 2], [1, -1]]  # nodes of up to 4 children

pytestmark = pytest.mark.usefixtures("x64")


def every_node(inputs, compute):
    """Computes all trees by recursion; returns what `compute` did, node by node.

    Args:
      inputs: `[num_nodes, input_size]`.
      compute: `(results of the children, inputs) -> result` of a node.
    """
    results = []
    for parents, marks in zip(PARENTS, HAS_INPUTS):
        inputs_of_tree, inputs = np.split(inputs, [len(parents)])
        own = [None] * len(parents)
        visit(parents.index(-1), parents, inputs_of_tree * np.c_[marks], compute, own)
        results += own
    return results


def visit(node, parents, inputs, compute, own):
    children = [
        visit(child, parents, inputs, compute, own)
        for child, parent in enumerate(parents)
        if parent == node
    ]
    own[node] = compute(children, inputs[node])
    return own[node]


def child_sum_node(params, children, x):
    """Equations 2 to 8 of Tai et al., a gate at a time."""
    names = "kernel", "recurrent_kernel", "bias"
    w, u, b = (by_gate(params[name], "ifuo") for name in names)
    h_sum = sum((h for h, _ in children), np.zeros(H))
    i = sigmoid(x @ w["i"] + h_sum @ u["i"] + b["i"])
    o = sigmoid(x @ w["o"] + h_sum @ u["o"] + b["o"])
    c = i * np.tanh(x @ w["u"] + h_sum @ u["u"] + b["u"])
    for h_k, c_k in children:
        c = c + sigmoid(x @ w["f"] + h_k @ u["f"] + b["f"]) * c_k
    return o * np.tanh(c), c


def nary_node(params, children, x, most=2):
    """Equations 9 to 14 of Tai et al., a gate and a child at a time."""
    forget = [f"f{k}" for k in range(most)]
    w, b = (by_gate(params[name], "ifuo") for name in ("kernel", "bias"))
    of_children = np.split(params["recurrent_kernel"], most)
    u = [by_gate(of_child, ["i", *forget, "u", "o"]) for of_child in of_children]

    def pre(gate, name):
        own = sum((h @ of[name] for of, (h, _) in zip(u, children)), np.zeros(H))
        return x @ w[gate] + own + b[gate]

    c = sigmoid(pre("i", "i")) * np.tanh(pre("u", "u"))
    for k, (_, c_k) in enumerate(children):
        c = c + sigmoid(pre("f", f"f{k}")) * c_k
    return sigmoid(pre("o", "o")) * np.tanh(c), c


def recursive_node(params, children, x, activation="tanh"):
    """Section 4 of Socher et al. 2013, an output at a time; V only if it is there."""
    if not children:
        return (x,)
    a = np.concatenate([h for (h,) in children] + [np.zeros(H)])[: 2 * H]
    pre = a @ params["recurrent_kernel"] + params.get("bias", 0.0)
    if "tensor" in params:
        pre = pre + np.array([a @ params["tensor"][..., k] @ a for k in range(H)])
    return (IN_NUMPY[activation](pre),)


@pytest.mark.parametrize(
    ("case", "node"),
    [
        (TreeCase(child_sum_tree_lstm), child_sum_node),
        (TreeCase(nary_tree_lstm), nary_node),
        (TreeCase(recursive, {}, H), recursive_node),
        (
            TreeCase(recursive, {"activation": "relu"}, H),
            functools.partial(recursive_node, activation="relu"),
        ),
        (TreeCase(tensor_recursive, {"use_bias": False}, H), recursive_node),
    ],
)
def test_values_and_gradients_are_the_papers(case, node):
    rng = np.random.default_rng(0)
    params, inputs, weights = draw_arguments(case, rng)
    weights_of_leaves = jax.tree.leaves(weights)

    def from_paper(params, inputs):
        results = every_node(inputs, functools.partial(node, params))
        carries = [np.stack(leaf) for leaf in zip(*results)]
        return [*carries, carries[0]]

    values, grads = program(case.cell)(params, TREES, inputs, weights)
    assert_close(jax.tree.leaves(values), from_paper(params, inputs), 1e-12)

    def score(arguments):
        values = from_paper(*arguments)
        return sum((x * weight).sum() for x, weight in zip(values, weights_of_leaves))

    at = params, inputs
    directions = jax.tree.map(lambda x: rng.normal(size=(3, *x.shape)), at)
    want = differences_along(score, at, directions)
    got = jax.tree.map(lambda d, x: np.tensordot(d, x, x.ndim), directions, grads)
    assert_close(got, want, 1e-7)


@pytest.mark.parametrize("make", [child_sum_tree_lstm, lambda h: nary_tree_lstm(h, 1)])
@pytest.mark.parametrize("num_steps", [1, 40])
def test_a_chain_is_an_lstm(make, num_steps):
    """With the parameters of `lstm` as they stand, and its kind of carry."""
    rng = np.random.default_rng(1)
    params = draw_params(rng, lstm(H), D)
    inputs = rng.normal(size=(num_steps, D))
    chain = batch_trees([[*range(1, num_steps), -1]])
    carries, outputs = unroll_trees(make(H), params, chain, inputs)
    last, want = unroll(lstm(H), params, inputs)
    assert_close(outputs, want, 1e-12)
    assert_close(jax.tree.map(lambda x: x[-1], carries), last, 1e-12)
    assert_close(take_roots(chain, outputs), want[-1:], 1e-12)


def test_tree_lstms_begin_as_an_lstm_orthogonal_by_gate():
    for cell in (child_sum_tree_lstm(H, forget_bias=2.0), nary_tree_lstm(H, 3)):
        params = initial(cell, D)
        forget_bias = 2.0 if cell.max_children is None else 1.0
        want = np.repeat([0, forget_bias, 0, 0], H)
        np.testing.assert_array_equal(params["bias"], want)
        kernel = params["recurrent_kernel"]
        for gate in np.split(kernel, kernel.shape[-1] // H, axis=-1):
            assert_close(gate.T @ gate, np.eye(H), 1e-6)


@pytest.mark.parametrize(
    ("cell", "ordered"),
    [
        (child_sum_tree_lstm(H), False),
        (nary_tree_lstm(H, 4), True),
        (recursive(H, 4), True),
        (tensor_recursive(H, 4), True),
    ],
)
def test_order_of_children_counts_only_where_there_is_one(cell, ordered):
    rng = np.random.default_rng(2)
    params = draw_params(rng, cell, H)
    inputs = rng.normal(size=(10, H))
    exchanged = inputs[[0, 3, 2, 1, 5, 4, 7, 6, 8, 9]]
    trees = batch_trees(SEVERAL)
    run = in_numpy(
        lambda inputs: take_roots(trees, unroll_trees(cell, params, trees, inputs)[1])
    )
    apart = np.abs(run(inputs) - run(exchanged)).max(axis=-1)
    assert (apart[0] > 1e-3) if ordered else (apart[0] < 1e-14)
    assert apart[1] == 0


@pytest.mark.parametrize(
    ("cell", "step", "options"),
    [
        (child_sum_tree_lstm(H), child_sum_tree_lstm_step, {}),
        (nary_tree_lstm(H), nary_tree_lstm_step, {}),
        (recursive(H), recursive_step, {}),
        (recursive(H, activation="relu"), recursive_step, {"activation": "relu"}),
        (tensor_recursive(H), tensor_recursive_step, {}),
    ],
)
def test_public_step_is_the_cells_own(cell, step, options):
    rng = np.random.default_rng(4)
    params = draw_params(rng, cell, H)
    start = cell.initial_carry(params, (5, 2))
    leaves = jax.tree.leaves(start)
    assert len(set(map(id, leaves))) == len(leaves)  # each can be donated
    children = draw_like(rng, start)
    mask = rng.random((5, 2)) < 0.5
    inputs = rng.normal(size=(5, H))
    got = step(params, children, mask, inputs, **options)
    assert_close(got, cell.step(params, children, mask, inputs), 0)


test_bad_options_are_refused = refuses(
    (child_sum_tree_lstm, 0, "hidden_size must be a positive whole number"),
    (nary_tree_lstm, 3, 0, "max_children must be a positive whole number"),
    (recursive, 3, -1, "max_children must be a positive whole number"),
    (tensor_recursive, 2.5, "hidden_size must be a positive whole number"),
    (lambda: recursive(3, activation="tahn"), "such as 'tanh'.*got 'tahn'"),
    (
        *(recursive(3).init, jax.random.key(0), 4),
        "input_size must be hidden_size, 3: .* got 4",
    ),
)
