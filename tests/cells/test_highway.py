"""The recurrent highway network against its paper, and its open and shut gates."""

import numpy as np
import pytest

from rnnjax import elman
from rnnjax.cells.highway import recurrent_highway, recurrent_highway_step
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, by_gate, check_against_paper, sigmoid
from tests.pytrees import assert_close


@pytest.mark.parametrize(
    ("depth", "coupled", "use_bias"), [(3, True, True), (2, False, False)]
)
def test_equals_paper(x64, depth, coupled, use_bias):
    """Zilly et al. 2017, equations 6 to 9."""
    names = "at" if coupled else "atc"

    def from_paper(params, carry, inputs):
        U = by_gate(params["kernel"], names)
        (h,), outputs = carry, []
        for x in inputs:
            s = h
            for layer in range(depth):
                W = by_gate(params["recurrent_kernel"][layer], names)
                pre = {name: s @ W[name] for name in names}
                for name in names:
                    if layer == 0:
                        pre[name] = pre[name] + x @ U[name]
                    if use_bias:
                        b = by_gate(params["bias"][layer], names)
                        pre[name] = pre[name] + b[name]
                t = sigmoid(pre["t"])
                c = 1 - t if coupled else sigmoid(pre["c"])
                s = np.tanh(pre["a"]) * t + s * c
            h = s
            outputs.append(h)
        return (h,), np.stack(outputs)

    cell = recurrent_highway(H, depth=depth, coupled=coupled, use_bias=use_bias)
    check_against_paper(cell, from_paper)


def test_depth_one_by_hand(x64):
    """One layer: h = tanh(a) t + h (1 - t)."""
    rng = np.random.default_rng(0)
    params = {
        "kernel": rng.normal(size=(D, 2 * H)),
        "recurrent_kernel": rng.normal(size=(1, H, 2 * H)),
        "bias": rng.normal(size=(1, 2 * H)),
    }
    h, x = rng.normal(size=(B, H)), rng.normal(size=(B, D))
    pre = x @ params["kernel"] + h @ params["recurrent_kernel"][0] + params["bias"]
    t = sigmoid(pre[:, H:])
    got = recurrent_highway_step(params, h, x)
    assert_close(got[1], np.tanh(pre[:, :H]) * t + h * (1 - t), 1e-14)
    assert_close(got[0], got[1], 0)


def draw_params(rng, depth):
    return {
        "kernel": rng.normal(size=(D, 2 * H)),
        "recurrent_kernel": rng.normal(size=(depth, H, 2 * H)),
        "bias": rng.normal(size=(depth, 2 * H)),
    }


def test_shut_transform_gates_keep_the_carry(x64):
    rng = np.random.default_rng(1)
    params = draw_params(rng, 3)
    params["bias"][:, H:] = -200.0
    carry = rng.normal(size=(B, H))
    cell = recurrent_highway(H, depth=3)
    last, _ = unroll(cell, params, rng.normal(size=(T, B, D)), carry=carry)
    assert_close(last, carry, 1e-15)


def test_open_first_gate_and_shut_others_make_elman(x64):
    rng = np.random.default_rng(2)
    params = draw_params(rng, 2)
    params["bias"][0, H:], params["bias"][1, H:] = 200.0, -200.0
    inputs = rng.normal(size=(T, B, D))
    plain = {name: x[..., :H] for name, x in params.items()}
    plain["recurrent_kernel"] = plain["recurrent_kernel"][0]
    plain["bias"] = plain["bias"][0]
    got = unroll(recurrent_highway(H, depth=2), params, inputs)
    assert_close(got, unroll(elman(H), plain, inputs), 1e-14)


def test_public_step_takes_layers_stacked_or_apart(x64):
    rng = np.random.default_rng(3)
    cell = recurrent_highway(H, depth=2, activation="relu")
    params = draw_params(rng, 2)
    carry, inputs = rng.normal(size=(B, H)), rng.normal(size=(B, D))
    want = cell.step(cell.prepare(params), carry, inputs)
    got = recurrent_highway_step(params, carry, inputs, activation="relu")
    assert_close(got, want, 1e-15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be a positive whole number, got 0."),
        ({"depth": 0}, "depth must be a positive whole number, got 0."),
        ({"activation": "tanhh"}, "activation must be a function or the name of one"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        recurrent_highway(**({"hidden_size": H} | options))
