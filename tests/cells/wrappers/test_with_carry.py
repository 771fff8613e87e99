"""The carry among the outputs, with and without factors."""

import jax
import pytest

from rnnjax import lstm
from rnnjax.cells.wrappers.with_carry import with_carry
from rnnjax.unroll import unroll
from tests.cells.paper import H, T, draw
from tests.pytrees import assert_close


@pytest.mark.parametrize("split", [True, False])
def test_shown_carries_are_those_of_every_step(x64, split):
    cell = lstm(H) if split else lstm(H)._replace(factors=None)
    params, inputs = draw(cell)
    last, shown = unroll(with_carry(cell), params, inputs)
    carry = None
    for t in range(T):
        carry, outputs = unroll(cell, params, inputs[t : t + 1], carry=carry)
        at_t = jax.tree.map(lambda x: x[t], shown["carry"])  # noqa: B023
        assert_close(at_t, carry, 1e-14)
        assert_close(shown["outputs"][t], outputs[0], 1e-14)
    assert_close(last, carry, 1e-14)
