"""The independently recurrent network against its paper."""

import numpy as np

from rnnjax.cells.indrnn import indrnn
from rnnjax.unroll import unroll
from tests.cells.paper import H, check_against_paper, draw, over_time
from tests.pytrees import assert_close


def test_indrnn_equals_paper(x64):
    def step(params, h, x):
        pre = x @ params["kernel"] + params["recurrent_scale"] * h + params["bias"]
        return np.tanh(pre)

    check_against_paper(indrnn(H, activation="tanh"), over_time(step))


def test_indrnn_without_recurrence_is_a_layer(x64):
    params, inputs = draw(indrnn(H), scale=1.0)
    params["recurrent_scale"] = np.zeros(H)
    want = np.maximum(inputs @ params["kernel"] + params["bias"], 0)
    assert_close(unroll(indrnn(H), params, inputs)[1], want, 1e-14)
