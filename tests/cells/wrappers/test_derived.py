"""Cells derived from another: what is replaced, and what is refused."""

import numpy as np
import pytest

from rnnjax import gru
from rnnjax.cells.wrappers.derived import derived_cell, nested_cell, with_side_inputs
from rnnjax.unroll import unroll
from tests.cells.paper import H, draw
from tests.pytrees import assert_same_bits
from tests.refusals import refuses
from tests.user_cells import counting, reflecting


def test_replaced_factors_replace_the_step(x64):
    cell = gru(H)
    doubled = derived_cell(cell, readout=lambda params, carry, inputs: 2 * carry)
    params, inputs = draw(cell)
    carry, outputs = cell.step(params, cell.initial_carry(params), inputs[0])
    got = doubled.step(params, cell.initial_carry(params), inputs[0])
    assert_same_bits(got, (carry, 2 * outputs))


@pytest.mark.parametrize("cell", [gru(H), reflecting(H)])
def test_nested_parameters_are_those_of_the_cell(x64, cell):
    """Those that `prepare` makes too, and others beside them stay."""
    params, inputs = draw(cell)
    got = unroll(nested_cell(cell), {"cell": params, "other": None}, inputs)
    assert_same_bits(got, unroll(cell, params, inputs))


def test_side_inputs_reach_the_update(x64):
    cell = gru(H)
    params, inputs = draw(cell)
    kept = np.random.default_rng(1).normal(size=(*inputs.shape[:2], H))

    def mix(update, params, carry, pre, side):
        return side * carry + update(params, carry, pre)

    carry, want = cell.initial_carry(params, inputs.shape[1:2]), []
    for x, side in zip(inputs, kept):
        carry = side * carry + cell.step(params, carry, x)[0]
        want.append(carry)
    _, got = unroll(with_side_inputs(cell, mix), params, (inputs, kept))
    np.testing.assert_allclose(got, np.stack(want), rtol=1e-12)


NO_FACTORS = "cell must have factors, got one that is only a step."
test_cells_without_factors_are_refused = refuses(
    (lambda: derived_cell(counting(H), readout=lambda *args: args[1]), NO_FACTORS),
    (with_side_inputs, counting(H), lambda *args: args[2], NO_FACTORS),
)
