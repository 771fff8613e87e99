"""The contracts over layers: padding, resets, chunks, streaming, engines, dtypes."""

import functools

import jax
import numpy as np
import pytest

from rnnjax import scan
from tests.contracts.test_padding import FILLS, fill_padding
from tests.every import CAUSAL_LAYERS, LAYERS, every, every_alone
from tests.layer_programs import (
    carry_axes,
    draw_layer_arguments,
    layer_program,
    run_layer,
)
from tests.loop import Run, in_numpy
from tests.programs import B, T, draw_marks
from tests.pytrees import assert_close, assert_same_bits, is_floating, steps


@pytest.fixture
def key():
    return jax.random.key(5)


@every(LAYERS)
def test_engine_equals_scan(case, engine_case, key):
    rng = np.random.default_rng(0)
    layer, reference = map(case.layer, (engine_case.engine, scan))
    params, carry, inputs, weights = draw_layer_arguments(case, layer, rng)
    arguments = params, carry, inputs, *draw_marks(rng), key, weights
    got, want = layer_program(layer)(*arguments), layer_program(reference)(*arguments)
    assert_close(got, want, engine_case.tolerance)


@every(LAYERS)
def test_fill_changes_no_bit(case, engine_case, key):
    rng = np.random.default_rng(1)
    layer = case.layer(engine_case.engine)
    params, carry, inputs, weights = draw_layer_arguments(case, layer, rng)
    mask, is_first = draw_marks(rng)

    def run_filled(value):
        filled = fill_padding(inputs, mask, value)
        return layer_program(layer)(params, carry, filled, mask, is_first, key, weights)

    want = run_filled(0.0)
    for x in jax.tree.leaves((want.outputs, want.grads[2])):
        assert not np.any(x[~mask]) and np.any(x[mask])
    for value in FILLS:
        assert_same_bits(run_filled(value), want)


@every(LAYERS, few=True)
def test_packed_sequences_equal_each_alone(case, engine_case, key):
    """Outputs of each of two sequences in one row do not depend on the other."""
    rng = np.random.default_rng(2)
    layer = case.layer(engine_case.engine)
    params, carry, inputs, weights = draw_layer_arguments(case, layer, rng)
    carry = layer.initial_carry(params, (B,))
    is_first = np.zeros((T, B), bool)
    is_first[[0, 4]] = True

    def run(mask):
        return layer_program(layer)(
            params, carry, inputs, mask, is_first, key, weights
        ).outputs

    together = run(np.ones((T, B), bool))
    for own in (slice(4), slice(4, T)):
        mask = np.zeros((T, B), bool)
        mask[own] = True
        assert_close(steps(run(mask), own), steps(together, own), 1e-13)


@every(CAUSAL_LAYERS, few=True)
def test_two_chunks_equal_one(case, engine_case, key):
    """One key for all chunks: what is drawn at a step depends on absolute time."""
    rng = np.random.default_rng(3)
    layer = case.layer(engine_case.engine)
    leading = (2 * T, B)
    params, carry, inputs, weights = draw_layer_arguments(case, layer, rng, leading)
    mask, is_first = draw_marks(rng, leading)
    run = layer_program(layer)
    want = run(params, carry, inputs, mask, is_first, key, weights)
    outputs = []
    for half in (slice(T), slice(T, 2 * T)):
        marked = steps((inputs, mask, is_first), half)
        got = run(params, carry, *marked, key, steps(weights, half))
        carry = got.carry
        outputs.append(got.outputs)
    got = carry, np.concatenate(outputs)
    assert_close(got, (want.carry, want.outputs), engine_case.tolerance)


@every(CAUSAL_LAYERS)
def test_steps_equal_apply(case, engine_case, key):
    rng = np.random.default_rng(4)
    layer = case.layer(engine_case.engine)
    params, carry, inputs, weights = draw_layer_arguments(case, layer, rng)
    mask, is_first = draw_marks(rng)
    want = layer_program(layer)(params, carry, inputs, mask, is_first, key, weights)

    @in_numpy
    def step(params, carry, inputs, mask, is_first, key):
        return layer.step(params, carry, inputs, mask=mask, is_first=is_first, key=key)

    outputs = []
    for t in range(T):
        at_t = steps((inputs, mask, is_first), t)
        carry, output = step(params, carry, *at_t, key)
        outputs.append(output)
    got = carry, np.stack(outputs)
    assert_close(got, (want.carry, want.outputs), engine_case.tolerance)


@every(LAYERS, few=True)
def test_vmap_equals_batch(case, engine_case):
    rng = np.random.default_rng(5)
    layer = case.layer(engine_case.engine)
    params, carry, inputs, weights = draw_layer_arguments(case, layer, rng)
    mask, is_first = draw_marks(rng)
    arguments = params, carry, inputs, mask, is_first, None, weights
    want = layer_program(layer)(*arguments)
    axes = carry_axes(case, layer)
    floating = jax.tree.map(
        lambda x, axis: axis if is_floating(x) else None, carry, axes
    )
    run = jax.vmap(
        functools.partial(run_layer, layer),
        in_axes=(None, axes, 1, 1, 1, None, 1),
        out_axes=Run(axes, 1, (0, jax.tree.leaves(floating), 1)),
    )
    got = in_numpy(run)(*arguments)
    of_each, *others = got.grads
    got = got._replace(grads=([x.sum(axis=0) for x in of_each], *others))
    assert_close(got, want, 1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, jax.numpy.bfloat16])
@every(LAYERS, few=True)
def test_carry_and_gradients_keep_dtypes(case, engine_case, dtype, key):
    rng = np.random.default_rng(6)
    layer = case.layer(engine_case.engine)
    arguments = draw_layer_arguments(case, layer, rng, dtype=dtype)
    params, carry, inputs, weights = arguments
    run = functools.partial(layer.apply, key=key)
    got_carry, outputs = jax.eval_shape(run, params, carry, inputs)
    assert jax.tree.map(lambda x: x.dtype, got_carry) == jax.tree.map(
        lambda x: x.dtype, carry
    )
    if any(is_floating(x) for x in jax.tree.leaves((params, inputs))):
        assert outputs.dtype == np.dtype(dtype)


@pytest.mark.parametrize("name", ["mask", "is_first"])
@every_alone(LAYERS)
def test_wrong_marks_are_refused(case, name):
    rng = np.random.default_rng(7)
    layer = case.layer(scan)
    params, carry, inputs, _ = draw_layer_arguments(case, layer, rng)
    for marks in (np.ones((T, B)), np.ones((B, T), bool), np.ones(T, bool)):
        with pytest.raises(ValueError, match=rf"{name} must be bool of shape \(7, 3\)"):
            layer.apply(params, carry, inputs, **{name: marks})
