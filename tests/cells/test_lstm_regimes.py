"""What the LSTM does where its gates are pinned: keeps, erases, captures, releases."""

import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.wrappers.with_carry import with_carry
from rnnjax.unroll import unroll
from tests.cells.paper import B, H, draw, pre_activation
from tests.pytrees import assert_close

OPEN, SHUT = 300.0, -300.0  # biases beyond which a gate is 1 or 0 to the last digit

# biases of i and f; c of every step, from the first c and all candidates; how near
MEMORY = {
    "keeps": (SHUT, OPEN, lambda c, g: np.broadcast_to(c, g.shape), 0),
    "erases": (SHUT, SHUT, lambda c, g: 0 * g, 1e-100),
    "captures": (OPEN, SHUT, lambda c, g: g, 1e-12),
    "counts": (OPEN, OPEN, lambda c, g: c + np.cumsum(g, axis=0), 1e-12),
}
# bias of o; outputs, from c; how near
SHOWN = {"releases": (OPEN, np.tanh, 1e-12), "hides": (SHUT, np.zeros_like, 1e-100)}


def plain(params):
    return {name: matrix[..., 2 * H : 3 * H] for name, matrix in params.items()}


def draw_pinned(i, f, o):
    """Draws parameters, inputs and a carry of an LSTM whose gates have these biases."""
    params, inputs = draw(lstm(H), scale=1.0)
    params["bias"][: 2 * H] = np.repeat([i, f], H)
    params["bias"][3 * H :] = o
    return params, inputs, LSTMCarry(*np.random.default_rng(1).normal(size=(2, B, H)))


@pytest.mark.parametrize(("i", "f", "c_of", "near"), MEMORY.values(), ids=MEMORY)
@pytest.mark.parametrize(("o", "show", "shown_near"), SHOWN.values(), ids=SHOWN)
def test_pinned_gates(x64, i, f, c_of, near, o, show, shown_near):
    params, inputs, first = draw_pinned(i, f, o)
    _, shown = unroll(with_carry(lstm(H)), params, inputs, carry=first)
    cs, outputs = shown["carry"].c, shown["outputs"]
    before = np.concatenate([first.h[None], outputs[:-1]])
    candidates = np.tanh(pre_activation(plain(params), inputs, before))
    assert_close(cs, c_of(first.c, candidates), near)
    assert_close(outputs, show(cs), shown_near)
