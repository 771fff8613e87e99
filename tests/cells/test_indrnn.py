"""The independently recurrent network against its paper."""

import numpy as np

from rnnjax.cells.indrnn import indrnn
from rnnjax.unroll import unroll
from tests.cells.paper import (
    B,
    D,
    H,
    T,
    check_against_paper,
    over_time,
)
from tests.pytrees import assert_close


def test_indrnn_equals_paper(x64):
    def step(params, h, x):
        pre = x @ params["kernel"] + params["recurrent_scale"] * h + params["bias"]
        return np.tanh(pre)

    check_against_paper(indrnn(H, activation="tanh"), over_time(step))


def test_indrnn_without_recurrence_is_a_layer(x64):
    rng = np.random.default_rng(0)
    params = {
        "kernel": rng.normal(size=(D, H)),
        "recurrent_scale": np.zeros(H),
        "bias": rng.normal(size=H),
    }
    inputs = rng.normal(size=(T, B, D))
    want = np.maximum(inputs @ params["kernel"] + params["bias"], 0)
    assert_close(unroll(indrnn(H), params, inputs)[1], want, 1e-14)
