"""Outputs fed back as inputs, against a loop."""

import jax
import numpy as np

from rnnjax import gru, lstm
from rnnjax.cells.wrappers.output_feedback import output_feedback
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, draw
from tests.pytrees import assert_close
from tests.refusals import refuses


def test_equals_a_loop(x64):
    """What the cell shows is not its carry: a gate stands between."""
    inner = lstm(H)
    cell = output_feedback(inner, H)
    params, inputs = draw(cell)
    carry, shown, want = inner.initial_carry(params, (B,)), np.zeros((B, H)), []
    for x in inputs:
        carry, shown = inner.step(params, carry, np.concatenate([x, shown], axis=-1))
        want.append(shown)
    last, got = unroll(cell, params, inputs)
    assert_close(got, np.stack(want), 1e-13)
    assert_close(last, {"cell": carry, "outputs": shown}, 1e-13)


OTHER_WIDTH = r"output_size must be the width of .*\(5,\), got 4\."
test_wrong_width_is_refused = refuses(
    (output_feedback, gru(H), 0, "output_size must be a positive whole number"),
    (output_feedback(gru(H), 4).init, jax.random.key(0), D, OTHER_WIDTH),
)
