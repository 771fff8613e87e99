"""The quasi-recurrent network against its paper and its closed forms."""

import numpy as np
import pytest

from rnnjax.cells.qrnn import qrnn, qrnn_step
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, by_gate, check_against_paper, draw, sigmoid
from tests.pytrees import assert_close


@pytest.mark.parametrize(("window", "pooling"), [(3, "fo"), (1, "f"), (2, "ifo")])
def test_qrnn_equals_paper(x64, window, pooling):
    parts = {"f": "zf", "fo": "zfo", "ifo": "zfio"}[pooling]

    def from_paper(params, carry, inputs):
        carry = list(carry)
        c = carry.pop(0)
        h = carry.pop(0) if "o" in pooling else None
        held = carry[0] if window > 1 else np.zeros((B, 0))
        outputs = []
        for x in inputs:
            pre = x @ params["kernel"] + params["bias"]
            if window > 1:
                pre = pre + held @ params["window_kernel"]
                held = np.concatenate([x, held[:, : -x.shape[-1]]], -1)
            gate = by_gate(pre, parts)
            z, f = np.tanh(gate["z"]), sigmoid(gate["f"])
            c = f * c + (sigmoid(gate["i"]) if "i" in parts else 1 - f) * z
            if h is not None:
                h = sigmoid(gate["o"]) * c
            outputs.append(c if h is None else h)
        leaves = [c, *([] if h is None else [h]), *([held] if window > 1 else [])]
        return leaves, np.stack(outputs)

    check_against_paper(qrnn(H, window=window, pooling=pooling), from_paper)


def test_qrnn_is_a_convolution_over_time(x64):
    """With the gates shut against the past: tanh of the convolution, by SciPy's."""
    cell = qrnn(H, window=3, pooling="f")
    params, inputs = draw(cell, 1, scale=1.0)
    for name in ("kernel", "window_kernel"):
        params[name][:, H:] = 0
    params["bias"][H:] = -500
    kernels = [params["kernel"], *np.split(params["window_kernel"], 2)]
    padded = np.concatenate([np.zeros((2, B, D)), inputs])
    want = sum(padded[2 - k : T + 2 - k] @ kernel for k, kernel in enumerate(kernels))
    want = np.tanh((want + params["bias"])[..., :H])
    assert_close(unroll(cell, params, inputs)[1], want, 1e-12)


def test_qrnn_of_one_input_and_a_constant_gate_is_an_exponential_average(x64):
    cell = qrnn(H, window=1, pooling="f")
    params, inputs = draw(cell, 2, scale=1.0)
    params["kernel"][:, H:] = 0
    params["bias"] = np.repeat([0, np.log(3)], H)  # f = 3 / 4
    _, outputs = unroll(cell, params, inputs)
    weights = 0.25 * 0.75 ** np.arange(T)[::-1]
    want = np.einsum("t,tbh->bh", weights, np.tanh(inputs @ params["kernel"][:, :H]))
    assert_close(outputs[-1], want, 1e-13)


def test_unknown_pooling_is_refused():
    message = r"pooling must be one of \['f', 'fo', 'ifo'\], got 'max'\."
    with pytest.raises(ValueError, match=message):
        qrnn(H, pooling="max")
    with pytest.raises(ValueError, match=message):
        qrnn_step({}, {}, np.ones(D), pooling="max")
