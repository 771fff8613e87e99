"""Contract 7: the batch over four devices gives the same, and nothing is gathered."""

import functools

import jax
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from tests.every import CELLS, LAYERS, every
from tests.layer_programs import (
    carry_axes,
    draw_layer_arguments,
    layer_program,
    run_layer,
)
from tests.loop import run_batch
from tests.programs import T, draw_arguments, draw_marks, run_with_gradients, tolerance
from tests.pytrees import assert_close, is_floating, steps

BATCH = 8
WHOLE, BATCH_FIRST, TIME_FIRST = (
    PartitionSpec(),
    PartitionSpec("data"),
    PartitionSpec(None, "data"),
)
GRADS = WHOLE, BATCH_FIRST, TIME_FIRST
ARGUMENTS = (
    WHOLE,
    BATCH_FIRST,
    TIME_FIRST,
    TIME_FIRST,
    TIME_FIRST,
    (BATCH_FIRST, TIME_FIRST),
)
RESULTS = BATCH_FIRST, TIME_FIRST, GRADS


def mesh_of(axis_type):
    devices = jax.devices("cpu")
    assert len(devices) == 4
    return jax.make_mesh((4,), ("data",), (axis_type,), devices=devices)


def compile_auto(run, arguments, specs=ARGUMENTS):
    return compile_on(mesh_of(AxisType.Auto), run, arguments, specs)


def compile_explicit(run, arguments, specs=ARGUMENTS):
    return compile_on(mesh_of(AxisType.Explicit), run, arguments, specs)


def compile_on(mesh, run, arguments, specs):
    """Compiles `run` for arguments placed on a mesh; gives it and those arguments."""
    placed = place(mesh, arguments, specs)
    with jax.set_mesh(mesh):
        return jax.jit(run).lower(*placed).compile(), placed


def place(mesh, arguments, specs):
    def place_whole(spec, tree):
        return jax.device_put(tree, NamedSharding(mesh, spec))

    def is_spec(x):
        return isinstance(x, PartitionSpec)

    return [
        jax.tree.map(place_whole, own, argument, is_leaf=is_spec)
        for own, argument in zip(specs, arguments)
    ]


def lower_shard_map(run, arguments):
    mesh = mesh_of(AxisType.Auto)
    mapped = jax.shard_map(
        run, mesh=mesh, in_specs=ARGUMENTS, out_specs=RESULTS, check_vma=True
    )
    return jax.jit(mapped).lower(*arguments)


def compile_shard_map(run, arguments):
    return lower_shard_map(run, arguments).compile(), arguments


def arguments_and_run(case, engine_case):
    rng = np.random.default_rng(0)
    leading = (T, BATCH)
    params, carry, inputs, weights = draw_arguments(case, rng, leading)
    mask, is_first = draw_marks(rng, leading)

    def run(*args):
        return tuple(run_with_gradients(case.cell, engine_case.engine, False, *args))

    return (params, carry, inputs, mask, is_first, weights), run


@pytest.mark.parametrize("given", [True, False])
@every(CELLS, few=True)
def test_shard_map_checks_varying_axes(case, engine_case, given):
    """Types say which axes a value varies over: a sum left out is an error."""
    (params, carry, *others), run = arguments_and_run(case, engine_case)
    arguments = params, carry if given else None, *others
    lower_shard_map(run, arguments)


@every(CELLS, few=True)
def test_carry_on_one_device_is_laid_out(case, engine_case):
    """A carry given whole is spread like that of the step, so a loop can keep it."""
    arguments, run = arguments_and_run(case, engine_case)
    mesh = mesh_of(AxisType.Explicit)
    specs = (WHOLE, WHOLE, *ARGUMENTS[2:])
    with jax.set_mesh(mesh):
        jax.jit(run).lower(*place(mesh, arguments, specs))


@pytest.mark.parametrize(
    ("compile_sharded", "given"),
    [
        (compile_auto, True),
        (compile_explicit, False),
        pytest.param(compile_shard_map, True, marks=pytest.mark.slow),
    ],
)
@every(CELLS, few=True)
def test_sharded_batch_equals_loop(case, engine_case, compile_sharded, given):
    (params, carry, *others), run = arguments_and_run(case, engine_case)
    carry = carry if given else None
    compiled, placed = compile_sharded(run, (params, carry, *others))
    assert "all-gather" not in compiled.as_text()
    got = compiled(*placed)
    inputs, mask, is_first, weights = others
    want = run_batch(case.cell, params, carry, inputs, mask, is_first, False, weights)
    assert_close(got, tuple(want), tolerance(case, engine_case))


def carry_placement(case, layer):
    """Returns the spec of every leaf of a layer's carry, by where its batch stands."""
    specs = {None: WHOLE, 0: BATCH_FIRST, 1: TIME_FIRST}
    axes = carry_axes(case, layer)
    return jax.tree.map(specs.get, axes, is_leaf=lambda axis: axis is None)


@pytest.mark.parametrize(
    "compile_sharded",
    [compile_explicit, pytest.param(compile_auto, marks=pytest.mark.slow)],
)
@every(LAYERS, few=True)
def test_sharded_layer_equals_one_device(case, engine_case, compile_sharded):
    rng = np.random.default_rng(0)
    layer = case.layer(engine_case.engine)
    leading = (T, BATCH)
    params, carry, inputs, weights = draw_layer_arguments(case, layer, rng, leading)
    key = jax.random.key(0)
    arguments = params, carry, inputs, *draw_marks(rng, leading), key, weights
    carry_specs = carry_placement(case, layer)
    specs = WHOLE, carry_specs, *[TIME_FIRST] * 3, WHOLE, TIME_FIRST
    compiled, placed = compile_sharded(
        functools.partial(run_layer, layer), arguments, specs
    )
    assert "all-gather" not in compiled.as_text()
    want = layer_program(layer)(*arguments)
    assert_close(compiled(*placed), want, engine_case.tolerance)


@every(LAYERS, few=True)
def test_layer_under_shard_map_equals_one_device(case, engine_case):
    """Without a key: from one, every device would draw the same for its own part."""
    rng = np.random.default_rng(0)
    layer = case.layer(engine_case.engine)
    leading = (T, BATCH)
    params, carry, inputs, weights = draw_layer_arguments(case, layer, rng, leading)
    arguments = params, carry, inputs, *draw_marks(rng, leading), weights
    carry_specs = carry_placement(case, layer)

    floating_specs = [
        spec
        for spec, x in zip(jax.tree.leaves(carry_specs), jax.tree.leaves(carry))
        if is_floating(x)
    ]

    def run(params, carry, inputs, mask, is_first, weights):
        return tuple(
            run_layer(layer, params, carry, inputs, mask, is_first, None, weights)
        )

    mapped = jax.shard_map(
        run,
        mesh=mesh_of(AxisType.Auto),
        in_specs=(WHOLE, carry_specs, *[TIME_FIRST] * 4),
        out_specs=(carry_specs, TIME_FIRST, (WHOLE, floating_specs, TIME_FIRST)),
        check_vma=True,
    )
    got = jax.jit(mapped).lower(*arguments).compile()(*arguments)
    *given, weights = arguments
    want = layer_program(layer)(*given, None, weights)
    assert_close(got, tuple(want), engine_case.tolerance)


@every(CELLS, few=True)
def test_resets_alone_may_differ_between_devices(case, engine_case):
    """The same sequences on all devices, of which each begins anew where it will."""
    arguments, run = arguments_and_run(case, engine_case)
    here = slice(BATCH // 4)
    params, carry, inputs, mask, is_first, weights = arguments
    carry, (inputs, mask) = (
        steps(carry, here),
        steps((inputs, mask), (slice(None), here)),
    )
    mapped = jax.shard_map(
        run,
        mesh=mesh_of(AxisType.Auto),
        in_specs=(WHOLE, WHOLE, WHOLE, WHOLE, *ARGUMENTS[4:]),
        out_specs=(BATCH_FIRST, TIME_FIRST, (WHOLE, WHOLE, WHOLE)),
        check_vma=True,
    )
    jax.jit(mapped).lower(params, carry, inputs, mask, is_first, weights)
