"""Contract 7: the batch over four devices gives the same, and nothing is gathered."""

import functools

import jax
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from rnnjax.checks.loop import run_batch
from rnnjax.checks.runs import Run, run_with_gradients
from tests.every import CELLS, LAYERS, every
from tests.layer_programs import (
    BATCH,
    carry_axes,
    draw_layer_arguments,
    layer_program,
    run_layer,
)
from tests.programs import T, draw_arguments, tolerance
from tests.pytrees import assert_close, is_floating, steps

WHOLE, BATCH_FIRST, TIME_FIRST = (
    PartitionSpec(),
    PartitionSpec("data"),
    PartitionSpec(None, "data"),
)
ARGUMENTS = (
    WHOLE,
    BATCH_FIRST,
    TIME_FIRST,
    TIME_FIRST,
    TIME_FIRST,
    (BATCH_FIRST, TIME_FIRST),
)
RESULTS = Run(BATCH_FIRST, TIME_FIRST, (WHOLE, BATCH_FIRST, TIME_FIRST))


def mesh_of(axis_type):
    devices = jax.devices("cpu")
    assert len(devices) == 4
    return jax.make_mesh((4,), ("data",), (axis_type,), devices=devices)


def lower_on(axis_type, run, arguments, specs=ARGUMENTS):
    """Lowers `run` for arguments placed on a mesh; gives it and those arguments."""
    mesh = mesh_of(axis_type)
    placed = place(mesh, arguments, specs)
    with jax.set_mesh(mesh):
        return jax.jit(run).lower(*placed), placed


lower_auto = functools.partial(lower_on, AxisType.Auto)
lower_explicit = functools.partial(lower_on, AxisType.Explicit)


def place(mesh, arguments, specs):
    def place_whole(spec, tree):
        return jax.device_put(tree, NamedSharding(mesh, spec))

    def is_spec(x):
        return isinstance(x, PartitionSpec)

    return [
        jax.tree.map(place_whole, own, argument, is_leaf=is_spec)
        for own, argument in zip(specs, arguments)
    ]


def lower_shard_map(run, arguments, in_specs=ARGUMENTS, out_specs=RESULTS):
    specs = {"in_specs": in_specs, "out_specs": out_specs}
    mapped = jax.shard_map(run, mesh=mesh_of(AxisType.Auto), check_vma=True, **specs)
    return jax.jit(mapped).lower(*arguments), arguments


def arguments_and_run(case, engine_case):
    arguments = draw_arguments(case, np.random.default_rng(0), (T, BATCH))
    engine = engine_case.engine
    return arguments, functools.partial(run_with_gradients, case.cell, engine, False)


@pytest.mark.parametrize("given", [True, False])
@every(CELLS, few=True)
def test_shard_map_checks_varying_axes(case, engine_case, given):
    """Types say which axes a value varies over: a sum left out is an error."""
    arguments, run = arguments_and_run(case, engine_case)
    lower_shard_map(run, arguments if given else arguments._replace(carry=None))


@every(CELLS, few=True)
def test_carry_on_one_device_is_laid_out(case, engine_case):
    """A carry given whole is spread like that of the step, so a loop can keep it."""
    arguments, run = arguments_and_run(case, engine_case)
    lower_explicit(run, arguments, (WHOLE, WHOLE, *ARGUMENTS[2:]))


@pytest.mark.parametrize(
    ("lower_sharded", "given"),
    [
        (lower_auto, True),
        (lower_explicit, False),
        pytest.param(lower_shard_map, True, marks=pytest.mark.slow),
    ],
)
@every(CELLS, few=True)
def test_sharded_batch_equals_loop(case, engine_case, lower_sharded, given):
    arguments, run = arguments_and_run(case, engine_case)
    if not given:
        arguments = arguments._replace(carry=None)
    lowered, placed = lower_sharded(run, arguments)
    compiled = lowered.compile()
    assert "all-gather" not in compiled.as_text()
    want = run_batch(case.cell, arguments)
    assert_close(compiled(*placed), want, tolerance(case, engine_case))


def carry_placement(case, layer):
    """Returns the spec of every leaf of a layer's carry, by where its batch stands."""
    specs = {None: WHOLE, 0: BATCH_FIRST, 1: TIME_FIRST}
    axes = carry_axes(case, layer)
    return jax.tree.map(specs.get, axes, is_leaf=lambda axis: axis is None)


def layer_and_arguments(case, engine_case):
    layer = case.layer(engine_case.engine)
    return layer, draw_layer_arguments(case, layer, np.random.default_rng(0))


@pytest.mark.parametrize(
    "lower_sharded",
    [lower_explicit, pytest.param(lower_auto, marks=pytest.mark.slow)],
)
@every(LAYERS, few=True, one_engine=True)
def test_sharded_layer_equals_one_device(case, engine_case, lower_sharded):
    layer, arguments = layer_and_arguments(case, engine_case)
    arguments = jax.random.key(0), *arguments
    specs = WHOLE, WHOLE, carry_placement(case, layer), *[TIME_FIRST] * 4
    run = functools.partial(run_layer, layer)
    lowered, placed = lower_sharded(run, arguments, specs)
    compiled = lowered.compile()
    assert "all-gather" not in compiled.as_text()
    want = layer_program(layer)(*arguments)
    assert_close(compiled(*placed), want, engine_case.tolerance)


@every(LAYERS, few=True, one_engine=True)
def test_layer_under_shard_map_equals_one_device(case, engine_case):
    """Without a key: from one, every device would draw the same for its own part."""
    layer, arguments = layer_and_arguments(case, engine_case)
    carry_specs = carry_placement(case, layer)
    pairs = zip(jax.tree.leaves(carry_specs), jax.tree.leaves(arguments.carry))
    floating_specs = [spec for spec, x in pairs if is_floating(x)]
    in_specs = (WHOLE, carry_specs, *[TIME_FIRST] * 4)
    out_specs = Run(carry_specs, TIME_FIRST, (WHOLE, floating_specs, TIME_FIRST))
    run = functools.partial(run_layer, layer, None)
    lowered, _ = lower_shard_map(run, arguments, in_specs, out_specs)
    got = lowered.compile()(*arguments)
    assert_close(got, layer_program(layer)(None, *arguments), engine_case.tolerance)


@every(CELLS, few=True)
def test_resets_alone_may_differ_between_devices(case, engine_case):
    """All devices have the same sequences, each with resets of its own."""
    arguments, run = arguments_and_run(case, engine_case)
    here = slice(BATCH // 4)
    params, carry, inputs, mask, is_first, weights = arguments
    inputs, mask = steps((inputs, mask), (slice(None), here))
    arguments = params, steps(carry, here), inputs, mask, is_first, weights
    in_specs = (WHOLE, WHOLE, WHOLE, WHOLE, *ARGUMENTS[4:])
    out_specs = Run(BATCH_FIRST, TIME_FIRST, (WHOLE, WHOLE, WHOLE))
    lower_shard_map(run, arguments, in_specs, out_specs)
