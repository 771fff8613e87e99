"""The contracts over layers: padding, resets, chunks, streaming, engines, dtypes.

Every layer hands its engine on, so a few layers meet all engines in the ordinary run.
"""

import functools

import jax
import numpy as np
import pytest

from rnnjax import scan
from rnnjax.checks import contracts
from rnnjax.checks.runs import Run
from tests.every import CAUSAL_LAYERS, LAYERS, every, every_alone
from tests.layer_programs import (
    BATCH,
    carry_axes,
    draw_layer_arguments,
    layer_program,
    run_layer,
)
from tests.loop import in_numpy
from tests.programs import T
from tests.pytrees import assert_close, holds, is_floating, steps

SHAPE = T, BATCH


KEY = jax.random.key(5)


def make(case, engine_case, seed, key=KEY, **options):
    """Returns a layer, its compiled run with a key, and drawn arguments."""
    layer = case.layer(engine_case.engine)
    rng = np.random.default_rng(seed)
    arguments = draw_layer_arguments(case, layer, rng, **options)
    return layer, functools.partial(layer_program(layer), key), arguments


@every(LAYERS)
def test_engine_equals_scan(case, engine_case):
    _, run, arguments = make(case, engine_case, 0)
    want = layer_program(case.layer(scan))(KEY, *arguments)
    assert_close(run(*arguments), want, engine_case.tolerance)


@every(LAYERS)
def test_padding(case, engine_case):
    _, run, arguments = make(case, engine_case, 1)
    holds(contracts.padding(run, arguments))
    got = run(*arguments)
    for x in jax.tree.leaves((got.outputs, got.grads[2])):
        assert np.any(x[arguments.mask])


@every(LAYERS, few=True)
def test_packed_sequences_equal_each_alone(case, engine_case):
    """Outputs of each of two sequences in one row do not depend on the other."""
    layer, run, arguments = make(case, engine_case, 2)
    is_first = np.zeros(SHAPE, bool)
    is_first[[0, 4]] = True
    carry = layer.initial_carry(arguments.params, (BATCH,))
    arguments = arguments._replace(carry=carry, is_first=is_first)

    def outputs(mask):
        return run(*arguments._replace(mask=mask)).outputs

    together = outputs(np.ones(SHAPE, bool))
    for own in (slice(4), slice(4, T)):
        mask = np.zeros(SHAPE, bool)
        mask[own] = True
        assert_close(steps(outputs(mask), own), steps(together, own), 1e-13)


@every(CAUSAL_LAYERS, few=True, one_engine=True)
def test_two_chunks_equal_one(case, engine_case):
    """One key for all chunks: what is drawn at a step depends on absolute time."""
    _, run, arguments = make(case, engine_case, 3, leading=(2 * T, BATCH))
    params, carry, *of_steps = arguments
    want = run(*arguments)
    outputs = []
    for half in (slice(T), slice(T, 2 * T)):
        carry, own, _ = run(params, carry, *steps(tuple(of_steps), half))
        outputs.append(own)
    got = carry, np.concatenate(outputs)
    assert_close(got, (want.carry, want.outputs), engine_case.tolerance)


@every(CAUSAL_LAYERS)
def test_steps_equal_apply(case, engine_case):
    layer, run, arguments = make(case, engine_case, 4)
    want = run(*arguments)
    params, carry, *of_steps, _ = arguments

    @in_numpy
    def step(params, carry, inputs, mask, is_first):
        return layer.step(params, carry, inputs, mask=mask, is_first=is_first, key=KEY)

    outputs = []
    for t in range(T):
        carry, output = step(params, carry, *steps(tuple(of_steps), t))
        outputs.append(output)
    got = carry, np.stack(outputs)
    assert_close(got, (want.carry, want.outputs), engine_case.tolerance)


@every(LAYERS, few=True, one_engine=True)
def test_vmap_equals_batch(case, engine_case):
    layer, run, arguments = make(case, engine_case, 5, key=None)
    want = run(*arguments)
    axes = carry_axes(case, layer)
    floating = jax.tree.map(
        lambda x, axis: axis if is_floating(x) else None, arguments.carry, axes
    )
    mapped = jax.vmap(
        functools.partial(run_layer, layer, None),
        in_axes=(None, axes, 1, 1, 1, 1),
        out_axes=Run(axes, 1, (0, jax.tree.leaves(floating), 1)),
    )
    got = in_numpy(mapped)(*arguments)
    of_each, *others = got.grads
    got = got._replace(grads=([x.sum(axis=0) for x in of_each], *others))
    assert_close(got, want, 1e-12)


@every(LAYERS, few=True, one_engine=True)
def test_carry_and_gradients_keep_dtypes(case, engine_case):
    layer, _, arguments = make(case, engine_case, 6)
    if any(map(is_floating, jax.tree.leaves((arguments.params, arguments.inputs)))):
        holds(contracts.dtypes(functools.partial(run_layer, layer, KEY), arguments))


@pytest.mark.parametrize("name", ["mask", "is_first"])
@every_alone(LAYERS)
def test_wrong_marks_are_refused(case, name):
    layer = case.layer(scan)
    params, carry, inputs, *_ = draw_layer_arguments(
        case, layer, np.random.default_rng(7)
    )
    for marks in (np.ones(SHAPE), np.ones(SHAPE[::-1], bool), np.ones(T, bool)):
        with pytest.raises(ValueError, match=rf"{name} must be bool of shape \(7, 8\)"):
            layer.apply(params, carry, inputs, **{name: marks})
