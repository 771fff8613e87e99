"""The network of Jordan against its equations, with and without teacher forcing."""

import functools

import numpy as np

from rnnjax.cells.jordan import jordan, jordan_forced_step
from tests.cells.paper import B, H, T, draw, equals_paper, sigmoid
from tests.pytrees import assert_close

OUT = 4
make = functools.partial(jordan, output_size=OUT, output_activation="sigmoid")


def step_of_paper(params, h, o, x):
    """Returns the new h and o; without hidden feedback, h is None."""
    a = x @ params["kernel"] + o @ params["feedback_kernel"] + params["bias"]
    h = np.tanh(a if h is None else a + h @ params["recurrent_kernel"])
    return h, sigmoid(h @ params["output_kernel"] + params["output_bias"])


@equals_paper(make)
def test_equals_paper(params, h, o, x):
    h, o = step_of_paper(params, h, o, x)
    return (h, o), o


@equals_paper(functools.partial(make, use_hidden=False))
def test_only_outputs_fed_back_equals_paper(params, o, x):
    return step_of_paper(params, None, o, x)[1]


def test_forced_by_targets_equals_a_loop(x64):
    params, inputs = draw(make(H), 1)
    h = np.zeros((B, H))
    for x, target in zip(inputs, np.random.default_rng(2).normal(size=(T, B, OUT))):
        _, want = step_of_paper(params, h, target, x)
        forced = {"features": x, "target": target}
        h, got = jordan_forced_step(params, h, forced, output_activation="sigmoid")
        assert_close(got, want, 1e-12)
