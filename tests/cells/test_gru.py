"""Both forms of the GRU against their equations, and where they agree."""

import numpy as np
import pytest

from rnnjax import gru
from rnnjax.unroll import unroll
from tests.cells.paper import IN_NUMPY, H, affine, by_gate, draw, equals_paper

OTHERS = {"gate_activation": "sin", "activation": "softsign"}


@equals_paper(
    gru,
    {"reset_after": True},
    {"reset_after": False},
    {"reset_after": True} | OTHERS,
    {"reset_after": False} | OTHERS,
)
def test_equals_paper(
    params, h, x, reset_after, gate_activation="sigmoid", activation="tanh"
):
    """Before: Cho et al. 2014, equations 5 to 8, n = tanh(U x + W (r h) + b).

    After, as in PyTorch and cuDNN: n = tanh(U x + b + r (W h + c)).
    """
    gate = IN_NUMPY[gate_activation]
    U = affine(params, x, "rzn")
    W = by_gate(params["recurrent_kernel"], "rzn" if reset_after else "rz")
    r, z = gate(U["r"] + h @ W["r"]), gate(U["z"] + h @ W["z"])
    if reset_after:
        recurrent = r * (h @ W["n"] + params["candidate_bias"])
    else:
        recurrent = (r * h) @ params["candidate_kernel"]
    return (1 - z) * IN_NUMPY[activation](U["n"] + recurrent) + z * h


@pytest.mark.parametrize(("reset_bias", "same"), [(200.0, True), (0.0, False)])
def test_both_forms_agree_without_a_reset(x64, reset_bias, same):
    after, inputs = draw(gru(H), 1, scale=1.0)
    after["bias"][:H], after["candidate_bias"][:] = reset_bias, 0
    before = {name: after[name] for name in ("kernel", "bias")}
    before["recurrent_kernel"], before["candidate_kernel"] = np.split(
        after["recurrent_kernel"], [2 * H], axis=1
    )
    _, got = unroll(gru(H), after, inputs)
    _, want = unroll(gru(H, reset_after=False), before, inputs)
    assert np.allclose(got, want, atol=1e-12) == same
