"""What holds for every cell over trees: batches, padding, dtypes, transforms."""

import inspect
import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

import rnnjax.trees
from rnnjax.trees import (
    TreeCell,
    batch_trees,
    child_sum_tree_lstm,
    nary_tree_lstm,
    take_roots,
    unroll_trees,
)
from tests.loop import in_numpy
from tests.pytrees import assert_close, assert_same_bits, draw_like
from tests.trees.programs import draw_arguments, draw_params, draw_weights, program
from tests.trees.registry import (
    HAS_INPUTS,
    NUM_NODES,
    PADDED,
    PADDED_SIZES,
    PARENTS,
    TREE_CELLS,
    TREES,
)

FILLS = [7.0, 1e30, np.nan, np.inf, -np.inf]
DTYPES = [jnp.float32, jnp.float64, jnp.bfloat16]

every_case = pytest.mark.parametrize("case", TREE_CELLS, ids=lambda case: case.name)
pytestmark = pytest.mark.usefixtures("x64")


def test_every_cell_is_registered():
    makers = {
        function
        for _, function in inspect.getmembers(rnnjax.trees, inspect.isfunction)
        if typing.get_type_hints(function).get("return") is TreeCell
    }
    assert len(makers) == 4 and makers == {case.of for case in TREE_CELLS}


def pad(x, value=0.0):
    rows = ((0, PADDED_SIZES.num_nodes - len(x)),) + ((0, 0),) * (x.ndim - 1)
    return np.pad(x, rows, constant_values=value)


@every_case
def test_a_batch_is_its_trees_one_by_one(case):
    """Values and gradients, in a batch padded beyond what it needs."""
    rng = np.random.default_rng(0)
    params, inputs, weights = draw_arguments(case, rng)
    padded_weights = jax.tree.map(pad, weights)
    values, grads = program(case.cell)(params, PADDED, pad(inputs), padded_weights)
    assert not any(x[NUM_NODES:].any() for x in jax.tree.leaves((values, grads[1])))
    roots = take_roots(PADDED, values)
    start, params_grad = 0, jax.tree.map(np.zeros_like, params)
    for t, (parents, marks) in enumerate(zip(PARENTS, HAS_INPUTS)):
        own = slice(start, start + len(parents))
        alone = batch_trees(
            [parents], has_inputs=[marks], pad_to=PADDED_SIZES._replace(num_trees=1)
        )
        own_weights = jax.tree.map(lambda x: pad(x[own]), weights)  # noqa: B023
        want, want_grads = program(case.cell)(
            params, alone, pad(inputs[own]), own_weights
        )
        of_tree = jax.tree.map(lambda x: x[own], values)  # noqa: B023
        tolerance = 0.02 if case.rounded else 1e-12
        assert_close(
            (of_tree, grads[1][own]),
            jax.tree.map(lambda x: x[: len(parents)], (want, want_grads[1])),  # noqa: B023
            tolerance,
        )
        root = parents.index(-1)
        assert_close(
            jax.tree.map(lambda x: x[t], roots),  # noqa: B023
            jax.tree.map(lambda x: x[root], want),  # noqa: B023
            tolerance,
        )
        params_grad = jax.tree.map(np.add, params_grad, want_grads[0])
        start += len(parents)
    assert_close(grads[0], params_grad, 0.02 if case.rounded else 1e-12)
    assert not any(x[len(PARENTS) :].any() for x in jax.tree.leaves(roots))


@every_case
def test_padding_changes_nothing(case):
    """The same trees, padded and not."""
    rng = np.random.default_rng(1)
    params, inputs, weights = draw_arguments(case, rng)
    run = program(case.cell)
    values, grads = run(params, TREES, inputs, weights)
    got, got_grads = run(params, PADDED, pad(inputs), jax.tree.map(pad, weights))
    got = jax.tree.map(lambda x: x[:NUM_NODES], (got, got_grads[1]))
    tolerance = 0.02 if case.rounded else 1e-12
    assert_close((*got, got_grads[0]), (values, grads[1], grads[0]), tolerance)


@every_case
def test_fill_changes_no_bit(case):
    """Neither in the padding nor at nodes without inputs."""
    rng = np.random.default_rng(2)
    params, inputs, weights = draw_arguments(case, rng, PADDED_SIZES.num_nodes)
    run = program(case.cell)
    has_inputs = np.isin(np.arange(len(inputs)), PADDED.with_inputs)

    def run_filled(value):
        filled = np.where(has_inputs[:, None], inputs, value)
        return run(params, PADDED, filled, weights)

    want = run_filled(0.0)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(want))
    assert not want[1][1][~has_inputs].any()
    for value in FILLS:
        assert_same_bits(run_filled(value), want)


@every_case
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_floats_have_the_parameters_dtype(case, dtype):
    params, inputs, _ = draw_arguments(case, np.random.default_rng(0), dtype=dtype)

    def run(params, inputs):
        values = unroll_trees(case.cell, params, TREES, inputs)
        return values, take_roots(TREES, values)

    for input_dtype in (*DTYPES, jnp.int32):
        got = jax.eval_shape(run, params, inputs.astype(input_dtype))
        assert {x.dtype for x in jax.tree.leaves(got)} == {np.dtype(dtype)}


@every_case
def test_float32_is_near_float64(case):
    rng = np.random.default_rng(3)
    arguments = draw_arguments(case, rng, dtype=np.float32)
    got, want = (
        program(case.cell)(params, TREES, inputs, weights)
        for params, inputs, weights in (arguments, jax.tree.map(np.float64, arguments))
    )
    assert_close(got, want, 0.02 if case.rounded else 1e-5)


@every_case
def test_vmap_is_a_loop(case):
    """Over parameters and inputs, and over batches of trees of one size."""
    rng = np.random.default_rng(4)
    draws = [draw_arguments(case, rng, PADDED_SIZES.num_nodes) for _ in range(2)]
    other = batch_trees([[-1, 0, 0], [1, -1]], pad_to=PADDED_SIZES)
    batches = [PADDED, other]
    params, inputs, weights = jax.tree.map(lambda *x: np.stack(x), *draws)
    trees = jax.tree.map(lambda *x: np.stack(x), *batches)

    def score(params, trees, inputs, weights):
        values = unroll_trees(case.cell, params, trees, inputs)
        pairs = zip(jax.tree.leaves(values), jax.tree.leaves(weights))
        return sum(jnp.vdot(x, weight) for x, weight in pairs)

    got = in_numpy(jax.vmap(jax.grad(score, (0, 2))))(params, trees, inputs, weights)
    for b, (own, batch) in enumerate(zip(draws, batches)):
        _, want = program(case.cell)(own[0], batch, own[1], own[2])
        mine = jax.tree.map(lambda x: x[b], got)  # noqa: B023
        assert_close(mine, want, 0.02 if case.rounded else 1e-12)


@pytest.mark.parametrize(
    "case", [c for c in TREE_CELLS if not c.rounded], ids=lambda c: c.name
)
@pytest.mark.slow
def test_second_order(case):
    rng = np.random.default_rng(5)
    params, inputs, weights = draw_arguments(case, rng)
    u, v = (draw_like(rng, (params, inputs), scale=1.0) for _ in range(2))
    step = 1e-5

    def score(arguments):
        values = unroll_trees(case.cell, arguments[0], TREES, arguments[1])
        pairs = zip(jax.tree.leaves(values), jax.tree.leaves(weights))
        return sum(jnp.vdot(jnp.sin(x), weight) for x, weight in pairs)

    def slope(arguments):
        return jax.jvp(score, (arguments,), (v,))[1]

    def along(tree, direction):
        pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(direction))
        return sum(jnp.vdot(x, y) for x, y in pairs)

    def reverse_slope(arguments):
        return along(jax.grad(score)(arguments), v)

    at = (params, inputs)
    first = in_numpy(score), in_numpy(slope)
    ahead, behind = (
        jax.tree.map(lambda x, d: x + sign * step * d, at, u)  # noqa: B023
        for sign in (1, -1)
    )
    want = (first[1](ahead) - first[1](behind)) / (2 * step)
    for second in (
        lambda at: along(jax.grad(slope)(at), u),
        lambda at: jax.jvp(reverse_slope, (at,), (u,))[1],
        lambda at: jax.jvp(slope, (at,), (u,))[1],
        lambda at: along(jax.grad(reverse_slope)(at), u),
    ):
        assert_close(in_numpy(second)(at), want, 1e-7)
    assert_close(in_numpy(reverse_slope)(at), first[1](at), 1e-12)


def test_equal_sizes_are_compiled_once():
    rng = np.random.default_rng(6)
    cell = nary_tree_lstm(3)
    params = draw_params(rng, cell, 4)
    num_traces = 0

    @jax.jit
    def run(trees, inputs):
        nonlocal num_traces
        num_traces += 1
        return take_roots(trees, unroll_trees(cell, params, trees, inputs)[1])

    inputs = rng.normal(size=(PADDED_SIZES.num_nodes, 4))
    results = []
    for parents in (PARENTS, [[-1, 0, 0], [1, -1]], [[-1]]):
        trees = batch_trees(parents, pad_to=PADDED_SIZES)
        assert trees.sizes == PADDED_SIZES
        results.append(run(trees, inputs))
    assert num_traces == 1
    assert np.abs(results[0] - results[1]).max() > 1e-3


def test_trees_may_be_spread_over_devices():
    """Under `jax.shard_map`, a batch of trees a device."""
    rng = np.random.default_rng(7)
    cell = child_sum_tree_lstm(3)
    params = draw_params(rng, cell, 4)
    batches = [
        batch_trees(parents, pad_to=PADDED_SIZES)
        for parents in (PARENTS, [[-1, 0, 0], [1, -1]])
    ]
    trees = jax.tree.map(lambda *x: np.stack(x), *batches)
    inputs = rng.normal(size=(2, PADDED_SIZES.num_nodes, 4))

    def run(params, trees, inputs):
        own, x = jax.tree.map(lambda x: x[0], (trees, inputs))
        return unroll_trees(cell, params, own, x)[1][None]

    mesh = jax.make_mesh((2,), ("data",), (AxisType.Auto,), devices=jax.devices()[:2])
    data = PartitionSpec("data")
    spread = jax.shard_map(
        run, mesh=mesh, in_specs=(PartitionSpec(), data, data), out_specs=data
    )
    got = jax.jit(spread)(params, trees, inputs)
    for own, batch, x in zip(got, batches, inputs):
        assert_close(own, unroll_trees(cell, params, batch, x)[1], 1e-12)


def test_inputs_may_be_a_tree_of_arrays():
    """And a user's own cell needs no project and may learn what absent children are."""

    def combine(params, children, children_mask, drive):
        del children_mask
        h = children.sum(axis=-2) * drive["gain"][..., None] + drive["features"]
        return h, {"h": h, "twice": 2 * h}

    def initial_carry(params, batch_shape=()):
        return jnp.broadcast_to(params["absent"], (*batch_shape, 3))

    cell = TreeCell(lambda key, size: None, initial_carry, lambda _, x: x, combine, 2)
    rng = np.random.default_rng(8)
    absent, features = rng.normal(size=3), rng.normal(size=(3, 3))
    gain = rng.normal(size=3)
    inputs = {"features": features, "gain": gain}
    trees = batch_trees([[-1, 0], [-1]])

    def run(absent):
        return unroll_trees(cell, {"absent": absent}, trees, inputs)

    carries, outputs = run(absent)
    leaf = 2 * absent * gain[1] + features[1]
    want = [
        (leaf + absent) * gain[0] + features[0],
        leaf,
        2 * absent * gain[2] + features[2],
    ]
    assert_close(carries, np.stack(want), 1e-12)
    assert_close(outputs["twice"], 2 * carries, 0)
    grad = jax.grad(lambda absent: take_roots(trees, run(absent)[0]).sum())(absent)
    assert_close(grad, np.full(3, (2 * gain[1] + 1) * gain[0] + 2 * gain[2]), 1e-12)


@pytest.mark.parametrize("num_children", [0, 1])
def test_one_node_is_one_step(num_children):
    rng = np.random.default_rng(9)
    cell = child_sum_tree_lstm(3)
    params = draw_params(rng, cell, 4)
    x = rng.normal(size=(1, 4))
    trees = batch_trees([[-1]])
    sizes = trees.sizes._replace(max_children=num_children)
    trees = batch_trees([[-1]], pad_to=sizes)
    assert trees.sizes == (1, 1, 1, 1, 1, 1, num_children)
    children = cell.initial_carry(params, (1, 2))
    want = cell.step(params, children, np.zeros((1, 2), bool), x)
    assert_close(unroll_trees(cell, params, trees, x), want, 1e-14)


def test_bad_arguments_are_refused():
    cell = nary_tree_lstm(3)
    params = cell.init(jax.random.key(0), 4)
    with pytest.raises(ValueError, match=r"axis of 3 nodes, got \[\(4, 4\)\]"):
        unroll_trees(cell, params, batch_trees([[-1, 0, 0]]), np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"axis of 3 nodes, got \[\]"):
        unroll_trees(cell, params, batch_trees([[-1, 0, 0]]), {})
    with pytest.raises(ValueError, match="trees must have at most 2 .*, got 3"):
        unroll_trees(cell, params, batch_trees([[-1, 0, 0, 0]]), np.ones((4, 4)))


def test_a_carry_of_another_kind_is_refused():
    cell = child_sum_tree_lstm(3)
    narrow = cell._replace(
        initial_carry=lambda params, batch=(): cell.initial_carry(params, batch).h
    )
    broken = cell._replace(
        combine=lambda *args: (cell.combine(*args)[0].h.astype(np.float16), ())
    )
    params = cell.init(jax.random.key(0), 4)
    for wrong in (broken, narrow._replace(combine=lambda *args: (None, ()))):
        with pytest.raises(ValueError, match="combine must return a carry like"):
            unroll_trees(wrong, params, TREES, np.ones((NUM_NODES, 4)))


def test_weights_are_of_every_leaf():
    """The test's own weights: as many as there are leaves to weigh."""
    for case in TREE_CELLS:
        params, inputs, _ = draw_arguments(case, np.random.default_rng(0))
        values = jax.eval_shape(
            lambda params, inputs: unroll_trees(case.cell, params, TREES, inputs),  # noqa: B023
            params,
            inputs,
        )
        weights = draw_weights(case, np.random.default_rng(0), params)
        assert jax.tree.structure(weights) == jax.tree.structure(values)
