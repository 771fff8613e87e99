"""Contract 6: the parameters' dtype decides, and a carry keeps its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman, gru, lstm
from rnnjax.products import matmul
from rnnjax.unroll import unroll
from tests.every import CELLS, LIBRARY_CELLS, every
from tests.loop import run_batch
from tests.programs import (
    B,
    draw_arguments,
    draw_marks,
    program,
    run_with_gradients,
    tolerance,
)
from tests.pytrees import assert_close, is_floating

DTYPES = [jnp.float32, jnp.float64, jnp.bfloat16]


@pytest.mark.parametrize("dtype", DTYPES)
@every(CELLS, few=True)
def test_all_floats_keep_dtype(case, engine_case, dtype):
    rng = np.random.default_rng(0)
    arguments = draw_arguments(case, rng, dtype=dtype)
    params, carry, inputs, weights = arguments
    mask, is_first = draw_marks(rng)

    def run(*args):
        return run_with_gradients(case.cell, engine_case.engine, False, *args)

    got = jax.eval_shape(run, params, carry, inputs, mask, is_first, weights)
    floats = [x.dtype for x in jax.tree.leaves(got) if is_floating(x)]
    assert floats and set(floats) == {np.dtype(dtype)}
    dtypes = [x.dtype for x in jax.tree.leaves(got.carry)]
    assert dtypes == [x.dtype for x in jax.tree.leaves(carry)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("input_dtype", [*DTYPES, jnp.int32])
@every(LIBRARY_CELLS, few=True)
def test_inputs_of_any_dtype_change_nothing(case, engine_case, dtype, input_dtype):
    rng = np.random.default_rng(0)
    params, _, inputs, _ = draw_arguments(case, rng, dtype=dtype)
    inputs = inputs.astype(input_dtype)

    def run(params, inputs):
        return unroll(case.cell, params, inputs, engine=engine_case.engine)

    got = jax.eval_shape(run, params, inputs)
    floats = {x.dtype for x in jax.tree.leaves(got) if is_floating(x)}
    assert floats == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_init_makes_the_dtype_asked_for(dtype):
    for make in (elman, lstm, gru):
        params = make(5, dtype=dtype).init(jax.random.key(0), 3)
        assert {x.dtype for x in jax.tree.leaves(params)} == {np.dtype(dtype)}


@every(LIBRARY_CELLS, few=True)
def test_float32_is_near_float64(case, engine_case):
    rng = np.random.default_rng(1)
    arguments = draw_arguments(case, rng, dtype=np.float32)
    params, carry, inputs, weights = arguments
    mask, is_first = draw_marks(rng)
    run = program(case, engine_case)
    got = run(params, carry, inputs, mask, is_first, weights)
    params, carry, inputs, weights = jax.tree.map(
        lambda x: np.float64(x) if is_floating(x) else x, arguments
    )
    want = run_batch(case.cell, params, carry, inputs, mask, is_first, False, weights)
    assert_close(got, want, max(1e-5, tolerance(case, engine_case)))


def test_bfloat16_products_are_summed_in_float32():
    """What is rounded is what goes in, neither the sum nor what comes out."""
    rng = np.random.default_rng(3)
    inputs, kernel = rng.normal(size=(B, 500)), rng.normal(size=(500, 5))
    got = matmul(jnp.float32(inputs), jnp.float32(kernel), jnp.bfloat16)
    rounded = (np.float64(jnp.bfloat16(x)) for x in (inputs, kernel))
    assert got.dtype == np.float32
    assert_close(got, np.matmul(*rounded), 1e-6)
    assert np.abs(got - inputs @ kernel).max() > 1e-3


@pytest.mark.parametrize(
    ("make", "options"),
    [(elman, {}), (lstm, {}), (gru, {}), (gru, {"reset_after": False})],
)
def test_bfloat16_products_stay_near(make, options):
    """Outputs within 2 %, and not the same: the option is not ignored."""
    rng = np.random.default_rng(2)
    exact, rounded = (
        make(64, compute_dtype=compute_dtype, **options)
        for compute_dtype in (None, jnp.bfloat16)
    )
    params = exact.init(jax.random.key(0), 32)
    params = jax.tree.map(lambda x: np.asarray(x, np.float32), params)
    inputs = rng.normal(size=(20, B, 32)).astype(np.float32)
    _, want = unroll(exact, params, inputs)
    carry, got = unroll(rounded, params, inputs)
    assert {x.dtype for x in jax.tree.leaves((carry, got))} == {np.dtype(np.float32)}
    distance = np.abs(got - want).max() / np.abs(want).max()
    assert 1e-4 < distance < 0.02
