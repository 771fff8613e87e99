"""Gates, units and ranks, against NumPy."""

import jax
import numpy as np
import pytest

from rnnjax import diagnostics, elman, gru, lstm
from tests.cells.paper import B, H, T, draw, pre_activation, sigmoid
from tests.pytrees import assert_close
from tests.refusals import refuses
from tests.user_cells import counting


@pytest.mark.parametrize(("make", "names"), [(lstm, "ifgo"), (gru, "rz")])
def test_gates_are_the_papers(x64, make, names):
    cell = make(H)
    params, inputs = draw(cell, scale=1.0)
    got = diagnostics.gates(cell, params, inputs, names)
    assert set(got) == set(names) - {"g"}
    carry = cell.initial_carry(params, (B,))
    for t in range(T):
        h = carry.h if make is lstm else carry
        pre = pre_activation(params, inputs[t], h)
        want = {name: sigmoid(pre[:, names.index(name) * H :][:, :H]) for name in got}
        assert_close({name: got[name][t] for name in got}, want, 1e-12)
        carry, _ = cell.step(params, carry, inputs[t])


def test_time_constants_are_what_is_left(x64):
    """After T steps e^(-T/τ) is left of what was kept."""
    gate = np.random.default_rng(1).uniform(0.5, 1, size=(T, H))
    left = np.exp(-T / diagnostics.time_constants(gate))
    assert_close(left, gate.prod(0), 1e-12)
    assert np.isinf(diagnostics.time_constants(np.ones((T, 1)))).all()


def test_units_that_are_saturated_or_dead():
    gate = np.array([[0.05, 0.95, 0.85], [0.15, 0.99, 0.01]])
    shut, opened = np.array([[0.5, 0, 0.5], [0, 1, 0]])
    assert_close(tuple(diagnostics.saturation(gate)), (shut, opened), 1e-6)
    outputs = np.zeros((T, B, 3))
    outputs[2, 1, 1] = 0.3
    outputs[:, :, 2] = -0.99
    outputs[0, :, 2] = 0.2
    assert diagnostics.dead_units(outputs).tolist() == [True, False, False]
    dead = diagnostics.dead_units(outputs, tolerance=0.4)
    assert dead.tolist() == [True, True, False]
    saturated = diagnostics.saturated_units(outputs)
    assert_close(saturated, np.array([0, 0, (T - 1) / T]), 1e-6)


def test_effective_rank_counts_equal_directions(x64):
    rng = np.random.default_rng(2)
    basis = np.linalg.qr(rng.normal(size=(T * B, 3)))[0]
    directions = np.linalg.qr(rng.normal(size=(H, 3)))[0]
    carries = (basis @ directions.T).reshape(T, B, H)
    np.testing.assert_allclose(diagnostics.effective_rank(carries), 3, rtol=1e-6)
    shares = np.array([2.0, 1.0]) / 3
    want = np.exp(-(shares * np.log(shares)).sum())
    np.testing.assert_allclose(diagnostics.effective_rank(np.diag(3 * shares)), want)


GATES, ARGUMENTS = diagnostics.gates, jax.tree.map(np.float32, draw(elman(H)))
test_bad_arguments_are_refused = refuses(
    (GATES, counting(H), {}, {}, "ifgo", "cell must have factors, got one"),
    (GATES, elman(H), *ARGUMENTS, "rz", "names must divide the width 5, got 'rz'."),
)
