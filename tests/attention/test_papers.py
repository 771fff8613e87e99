"""Cells that attend, each sequence to its own memory, against loops of the papers."""

import jax
import numpy as np
import pytest

from rnnjax import hoisted, remat, scan
from tests.attention import papers
from tests.attention.cases import CASES, draw, params_gradient, program, with_values
from tests.pytrees import assert_close, assert_same_bits, draw_like, part

ORDINARY = {
    "additive-before",
    "additive-two_layers",
    "concat-feeding_h_tilde",
    "coverage-not_feeding",
    "dot-not_feeding",
    "general-feeding_h_tilde",
    "location_aware-before",
    "multi_head-feeding_glimpse",
    "window-feeding_glimpse",
}
STEP = 1e-6


def of_cases(*ordinary):
    """Parametrizes a test by `case`; the ordinary run takes those named."""
    return pytest.mark.parametrize(
        "case",
        [
            pytest.param(
                case, id=name, marks=[] if name in ordinary else pytest.mark.slow
            )
            for name, case in CASES.items()
        ],
    )


@of_cases(*ORDINARY)
def test_cell_equals_paper(case):
    """Outputs, weights, and the derivative along a random direction."""
    arguments = draw(case)
    nothing = jax.tree.map(np.zeros_like, arguments.weights[0])
    arguments = arguments._replace(weights=(nothing, arguments.weights[1]))
    got = program(case.cell)(*arguments)
    outputs, weights = papers.run(case.step, case.start, arguments)
    assert_close(got.outputs, {"outputs": outputs, "weights": weights}, 1e-13)

    floats, put_back = part((arguments.params, arguments.inputs))
    direction = draw_like(np.random.default_rng(1), floats, scale=1.0)

    def score(distance):
        params, inputs = put_back([x + distance * y for x, y in zip(floats, direction)])
        moved = arguments._replace(params=params, inputs=inputs)
        outputs, weights = papers.run(case.step, case.start, moved)
        of_outputs = arguments.weights[1]
        return np.vdot(of_outputs["outputs"], outputs) + np.vdot(
            of_outputs["weights"], weights
        )

    want = (score(STEP) - score(-STEP)) / (2 * STEP)
    slope = sum(map(np.vdot, [*got.grads[0], *got.grads[2]], direction))
    assert_close(slope, want, 1e-7)


def check_engine(case, engine):
    """Compares a run with a memory for each sequence, and its gradients, with scan."""
    arguments = draw(case, seed=2)
    want = program(case.cell, scan)(*arguments)
    assert_close(program(case.cell, engine)(*arguments), want, 1e-11)


@of_cases("additive-before")
def test_hoisted_equals_scan(case):
    check_engine(case, hoisted)


@of_cases()
def test_remat_equals_scan(case):
    check_engine(case, remat(chunk_length=4))


@of_cases(*ORDINARY)
def test_masked_rows_are_not_seen(case):
    """Their weights and gradients are exactly 0, whatever they hold."""
    arguments = draw(case, seed=3)
    memory = arguments.params["memory"]
    want = program(case.cell)(*arguments)
    grads = params_gradient(arguments, want)
    assert not np.any(grads["memory"].values[~memory.mask])
    assert np.all(grads["memory"].values[memory.mask].any(axis=-1))
    real = np.moveaxis(memory.mask, 0, -1)
    weights = want.outputs["weights"]
    by_head = np.expand_dims(real, tuple(range(1, weights.ndim - 2)))
    assert not np.any(weights * ~by_head)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(want))
    for fill in (np.nan, np.inf, 1e30):
        values = np.where(memory.mask[..., None], memory.values, fill)
        filled = with_values(arguments, values)
        assert_same_bits(program(case.cell)(*filled), want)
