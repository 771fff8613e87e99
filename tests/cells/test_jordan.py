"""The network of Jordan against its equations, with and without teacher forcing."""

import numpy as np
import pytest

from rnnjax import elman
from rnnjax.cells.jordan import jordan, jordan_forced_step
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import B, H, T, draw
from tests.pytrees import assert_close

OUT = 4
CELL = jordan(H, OUT, output_activation="sigmoid")


def step_of_paper(params, h, o, x):
    """Returns the new h and o; without hidden feedback, h is None."""
    a = x @ params["kernel"] + o @ params["feedback_kernel"] + params["bias"]
    h = np.tanh(a if h is None else a + h @ params["recurrent_kernel"])
    return h, paper.sigmoid(h @ params["output_kernel"] + params["output_bias"])


def with_hidden(params, h, o, x):
    h, o = step_of_paper(params, h, o, x)
    return (h, o), o


def without_hidden(params, o, x):
    return step_of_paper(params, None, o, x)[1]


@pytest.mark.parametrize(
    ("use_hidden", "from_paper"),
    [(True, paper.with_outputs(with_hidden)), (False, paper.over_time(without_hidden))],
)
def test_equals_paper(x64, use_hidden, from_paper):
    cell = jordan(H, OUT, output_activation="sigmoid", use_hidden=use_hidden)
    paper.check_against_paper(cell, from_paper)


def test_forced_by_its_own_outputs_is_free(x64):
    """The targets, one step later, being what the free network gives."""
    params, inputs = draw(CELL)
    _, outputs = unroll(CELL, params, inputs)
    target = np.concatenate([np.zeros((1, B, OUT)), outputs[:-1]])
    forced = jordan(H, OUT, teacher_forcing=True, output_activation="sigmoid")
    _, got = unroll(forced, params, {"features": inputs, "target": target})
    assert_close(got, outputs, 1e-13)


def test_forced_by_targets_equals_a_loop(x64):
    params, inputs = draw(CELL, 1)
    h = np.zeros((B, H))
    for x, target in zip(inputs, np.random.default_rng(2).normal(size=(T, B, OUT))):
        _, want = step_of_paper(params, h, target, x)
        forced = {"features": x, "target": target}
        h, got = jordan_forced_step(params, h, forced, output_activation="sigmoid")
        assert_close(got, want, 1e-12)


def test_without_feedback_it_is_elman(x64):
    params, inputs = draw(CELL, 2)
    params["feedback_kernel"] = np.zeros((OUT, H))
    carry, _ = unroll(jordan(H, OUT), params, inputs)
    plain = {name: params[name] for name in ("kernel", "recurrent_kernel", "bias")}
    assert_close(carry["h"], unroll(elman(H), plain, inputs)[0], 1e-13)
