"""Contract 6: dtypes of inputs, of `init`, of products, and few bits against many."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman, gru, lstm
from rnnjax.checks import contracts
from rnnjax.unroll import unroll
from tests.every import LIBRARY_CELLS, every
from tests.programs import B, draw_arguments, program, tolerance
from tests.pytrees import holds, is_floating

DTYPES = jnp.float32, jnp.float64, jnp.bfloat16


@every(LIBRARY_CELLS, few=True)
def test_inputs_of_any_dtype_change_nothing(case, engine_case):
    params, _, inputs, *_ = draw_arguments(case, np.random.default_rng(0))

    def run(params, inputs):
        return unroll(case.cell, params, inputs, engine=engine_case.engine)

    for dtype in DTYPES:
        own = contracts.as_dtype(params, dtype)
        for input_dtype in (*DTYPES, jnp.int32):
            got = jax.eval_shape(run, own, inputs.astype(input_dtype))
            floats = {x.dtype for x in jax.tree.leaves(got) if is_floating(x)}
            assert floats == {np.dtype(dtype)}, input_dtype


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_init_makes_the_dtype_asked_for(dtype):
    for make in (elman, lstm, gru):
        params = make(5, dtype=dtype).init(jax.random.key(0), 3)
        assert {x.dtype for x in jax.tree.leaves(params)} == {np.dtype(dtype)}


@every(LIBRARY_CELLS, few=True)
def test_float32_is_near_float64(case, engine_case):
    few_bits = draw_arguments(case, np.random.default_rng(1), dtype=np.float32)
    many_bits = contracts.as_dtype(few_bits, np.float64)
    got = program(case, engine_case)(*few_bits)
    allowed = max(1e-5, tolerance(case, engine_case))
    options = {"cell": case.cell, "arguments": many_bits, "tolerance": allowed}
    holds(contracts.equal_to_loop(lambda *_: got, **options))


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
