"""Contract 9: every mode and order of derivative, against finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.checks.contracts import STEP
from rnnjax.unroll import unroll
from tests.every import REVERSE_ONLY_CELLS, SMOOTH_CELLS, every
from tests.loop import in_numpy
from tests.programs import T, draw_arguments
from tests.pytrees import draw_like, part


def derivatives(score, orders):
    """Compiles a score, and what its derivatives of the given `orders` are.

    With g its gradient and H its second derivative, the function gives v g of first
    order and v H u of second, by the order's name.
    """

    def run(floats, u, v):
        def reverse(function, direction):
            return lambda floats: sum(
                map(jnp.vdot, jax.grad(function)(floats), direction)
            )

        def forward(function, direction):
            return lambda floats: jax.jvp(function, (floats,), (direction,))[1]

        modes = {"reverse": reverse, "forward": forward}
        given = {"value": score(floats)}
        for name in orders:
            function = score
            for mode, direction in zip(name.split(" over ")[::-1], (v, u)):
                function = modes[mode](function, direction)
            given[name] = function(floats)
        return given

    return in_numpy(run)


def check_orders(score, floats, orders):
    """Compares derivatives of a score of several arrays with differences."""
    rng = np.random.default_rng(1)
    u, v = (draw_like(rng, floats, scale=1.0) for _ in range(2))
    run = derivatives(score, orders)

    def run_moved(direction, distance):
        return run([x + distance * y for x, y in zip(floats, direction)], u, v)

    def difference(direction, name):
        near, far = (
            run_moved(direction, step)[name] - run_moved(direction, -step)[name]
            for step in (STEP, 2 * STEP)
        )
        return (8 * near - far) / (12 * STEP)

    got = run_moved(u, 0.0)
    slope, curvature = difference(v, "value"), difference(u, orders[0])
    for name in orders:
        want = curvature if " over " in name else slope
        np.testing.assert_allclose(got[name], want, rtol=1e-7, atol=1e-7, err_msg=name)
    return got


def check_cell(case, engine_case, orders):
    rng = np.random.default_rng(0)
    params, carry, inputs, *_, weights = draw_arguments(case, rng, (T, 2))
    floats, put_back = part((params, carry, inputs))

    def score(floats):
        params, carry, inputs = put_back(floats)
        options = {"carry": carry, "engine": engine_case.engine}
        result = unroll(case.cell, params, inputs, **options)
        pairs = zip(part(result)[0], part(weights)[0])
        return sum(jnp.vdot(jnp.sin(x), weight) for x, weight in pairs)

    check_orders(score, floats, orders)


@every(SMOOTH_CELLS, few=True)
def test_orders_equal_differences(case, engine_case):
    forward = ("forward", "forward over reverse") if case.forward_mode else ()
    check_cell(case, engine_case, ("reverse", "reverse over reverse", *forward))


@pytest.mark.slow
@every(SMOOTH_CELLS)
def test_other_orders_equal_differences(case, engine_case):
    forward = "forward", "forward over forward", "reverse over forward"
    if case.forward_mode:
        check_cell(case, engine_case, forward)


@every(REVERSE_ONLY_CELLS, few=True)
def test_cell_without_forward_mode_says_so(case, engine_case):
    arguments = draw_arguments(case, np.random.default_rng(0))

    def run(carry):
        params, _, inputs, *_ = arguments
        return unroll(case.cell, params, inputs, carry=carry, engine=engine_case.engine)

    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(run, (arguments.carry,), (arguments.carry,))
