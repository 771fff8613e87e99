"""What holds for every cell over trees: batches, padding, dtypes, transforms."""

import functools
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
from tests.contracts.test_derivatives import check_orders
from tests.loop import in_numpy
from tests.pytrees import assert_close, assert_same_bits, part
from tests.refusals import refuses
from tests.trees.programs import (
    draw_arguments,
    draw_params,
    program,
    run_with_gradients,
)
from tests.trees.registry import (
    HAS_INPUTS,
    NUM_NODES,
    OTHER,
    OTHER_PARENTS,
    PADDED,
    PADDED_SIZES,
    PARENTS,
    ROOTS,
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


def run_one_by_one(case, params, inputs, weights):
    """Runs each tree in a batch of its own; returns `((values, of inputs), of params)`.

    The values and gradients of the nodes are put together again.
    """
    sizes = np.cumsum([len(parents) for parents in PARENTS])
    results = []
    for nodes, parents, marks in zip(
        np.split(np.arange(NUM_NODES), sizes[:-1]), PARENTS, HAS_INPUTS
    ):
        alone = batch_trees([parents], has_inputs=[marks], pad_to=PADDED_SIZES)
        given = jax.tree.map(lambda x: pad(x[nodes]), (inputs, weights))  # noqa: B023
        values, (of_params, of_inputs) = program(case.cell)(params, alone, *given)
        of_nodes = jax.tree.map(lambda x: x[: len(nodes)], (values, of_inputs))  # noqa: B023
        results.append((of_nodes, of_params))
    of_nodes, of_params = zip(*results)
    return (
        jax.tree.map(lambda *x: np.concatenate(x), *of_nodes),
        jax.tree.map(lambda *x: sum(x), *of_params),
    )


@every_case
def test_a_batch_is_its_trees_one_by_one(case):
    """Values and gradients, in a batch that is padded beyond its needs or not."""
    params, inputs, weights = draw_arguments(case, np.random.default_rng(0))
    want = run_one_by_one(case, params, inputs, weights)
    want_roots = jax.tree.map(lambda x: x[ROOTS], want[0][0])
    tolerance = max(1e-12, case.rounding)
    for trees in (TREES, PADDED):
        given = inputs, weights
        given = jax.tree.map(pad, given) if trees is PADDED else given
        values, (of_params, of_inputs) = program(case.cell)(params, trees, *given)
        roots = take_roots(trees, values)
        got = jax.tree.map(lambda x: x[:NUM_NODES], (values, of_inputs))
        assert_close((got, of_params), want, tolerance)
        assert_close(jax.tree.map(lambda x: x[:4], roots), want_roots, tolerance)
        for x in jax.tree.leaves((values, of_inputs)):
            assert not x[NUM_NODES:].any()
        assert not any(x[4:].any() for x in jax.tree.leaves(roots))


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
    assert_close(got, want, max(1e-5, case.rounding))


@every_case
def test_vmap_is_a_loop(case):
    """Over parameters and inputs, and over batches of trees of one size."""
    rng = np.random.default_rng(4)
    batches = []
    for trees in (PADDED, OTHER):
        params, *given = draw_arguments(case, rng, PADDED_SIZES.num_nodes)
        batches.append((params, trees, *given))
    stacked = jax.tree.map(lambda *x: np.stack(x), *batches)
    run = jax.vmap(functools.partial(run_with_gradients, case.cell))
    got = in_numpy(run)(*stacked)
    want = [program(case.cell)(*batch) for batch in batches]
    want = jax.tree.map(lambda *x: np.stack(x), *want)
    assert_close(got, want, max(1e-12, case.rounding))


@pytest.mark.parametrize(
    "case", [case for case in TREE_CELLS if not case.rounding], ids=lambda c: c.name
)
@pytest.mark.slow
def test_second_order(case):
    """In all orders of the two modes."""
    rng = np.random.default_rng(5)
    params, inputs, weights = draw_arguments(case, rng)
    floats, put_back = part((params, inputs))

    def score(floats):
        params, inputs = put_back(floats)
        values = unroll_trees(case.cell, params, TREES, inputs)
        pairs = zip(jax.tree.leaves(values), jax.tree.leaves(weights))
        return sum(jnp.vdot(jnp.sin(x), weight) for x, weight in pairs)

    modes = "forward", "reverse"
    second = [f"{one} over {other}" for one in modes for other in modes]
    got = check_orders(score, floats, (*modes, *second))
    assert_close(got["forward"], got["reverse"], 1e-12)


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
    for parents in (PARENTS, OTHER_PARENTS, [[-1]]):
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
    trees = jax.tree.map(lambda *x: np.stack(x), PADDED, OTHER)
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
    for own, batch, x in zip(got, (PADDED, OTHER), inputs):
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
    absent, gain, *features = np.random.default_rng(8).normal(size=(5, 3))
    inputs = {"features": np.stack(features), "gain": gain}
    trees = batch_trees([[-1, 0], [-1]])

    @jax.jit
    def run(absent):
        carries, outputs = unroll_trees(cell, {"absent": absent}, trees, inputs)
        return take_roots(trees, carries).sum(), (carries, outputs)

    grad, (carries, outputs) = jax.grad(run, has_aux=True)(absent)
    leaf, alone = (2 * absent * gain[k] + features[k] for k in (1, 2))
    root = (leaf + absent) * gain[0] + features[0]
    assert_close(carries, np.stack([root, leaf, alone]), 1e-12)
    assert_close(outputs["twice"], 2 * carries, 0)
    assert_close(grad, np.full(3, (2 * gain[1] + 1) * gain[0] + 2 * gain[2]), 1e-12)


@pytest.mark.parametrize("num_children", [0, 1])
def test_one_node_is_one_step(num_children):
    rng = np.random.default_rng(9)
    cell = child_sum_tree_lstm(3)
    params = draw_params(rng, cell, 4)
    x = rng.normal(size=(1, 4))
    sizes = batch_trees([[-1]]).sizes._replace(max_children=num_children)
    trees = batch_trees([[-1]], pad_to=sizes)
    assert trees.sizes == (1, 1, 1, 1, 1, 1, num_children)
    children = cell.initial_carry(params, (1, 2))
    want = cell.step(params, children, np.zeros((1, 2), bool), x)
    assert_close(unroll_trees(cell, params, trees, x), want, 1e-14)


def run_nary(parents, inputs):
    cell = nary_tree_lstm(3)
    params = cell.init(jax.random.key(0), 4)
    return unroll_trees(cell, params, batch_trees([parents]), inputs)


def run_with_carry(carry_of, like=lambda carry: carry):
    """Runs a cell whose `combine` returns another carry, made of its children's."""
    cell = child_sum_tree_lstm(3)
    wrong = cell._replace(
        initial_carry=lambda *args: like(cell.initial_carry(*args)),
        combine=lambda params, children, *args: (carry_of(children), ()),
    )
    params = cell.init(jax.random.key(0), 4)
    return unroll_trees(wrong, params, TREES, np.ones((NUM_NODES, 4)))


OTHER_CARRY = "combine must return a carry like"
test_bad_arguments_and_carries_are_refused = refuses(
    (run_nary, [-1, 0, 0], np.ones((4, 4)), r"axis of 3 nodes, got \[\(4, 4\)\]"),
    (run_nary, [-1, 0, 0], {}, r"axis of 3 nodes, got \[\]"),
    (run_nary, [-1, 0, 0, 0], np.ones((4, 4)), "trees must have at most 2 .*, got 3"),
    (run_with_carry, lambda x: x.h[..., 0, :].astype(np.float16), OTHER_CARRY),
    (run_with_carry, lambda x: None, lambda x: x.h, OTHER_CARRY),
)
