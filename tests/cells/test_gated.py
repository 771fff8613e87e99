"""Cells of few gates against their papers: MGU, UGRNN, MUT1 to 3, minGRU, minLSTM."""

import jax
import numpy as np
import pytest

from rnnjax import gru
from rnnjax.cells.gru_layer_norm import gru_layer_norm
from rnnjax.cells.mgu import mgu
from rnnjax.cells.minimal import min_gru, min_lstm
from rnnjax.cells.mut import mut1, mut2, mut3
from rnnjax.cells.ugrnn import ugrnn
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, by_gate, check_against_paper, sigmoid
from tests.trees import assert_close

tanh = np.tanh


def loop(step):
    """Makes a `from_paper` of a step `(U, W, b, params, h, x) -> h`, by gate."""

    def from_paper(params, carry, inputs):
        (h,), outputs = carry, []
        for x in inputs:
            h = step(params, h, x)
            outputs.append(h)
        return (h,), np.stack(outputs)

    return from_paper


def affine(params, x, names):
    """U x + b, by the names of the parts."""
    return by_gate(x @ params["kernel"] + params["bias"], names)


def mgu_of_paper(p, h, x):
    ux = affine(p, x, "fn")
    f = sigmoid(ux["f"] + h @ p["recurrent_kernel"])
    n = tanh(ux["n"] + (f * h) @ p["candidate_kernel"])
    return (1 - f) * h + f * n


def ugrnn_of_paper(p, h, x):
    pre = affine(p, x, "gn")
    wh = by_gate(h @ p["recurrent_kernel"], "gn")
    g = sigmoid(pre["g"] + wh["g"])
    return g * h + (1 - g) * tanh(pre["n"] + wh["n"])


def mut1_of_paper(p, h, x):
    ux, b = by_gate(x @ p["kernel"], "rzn"), by_gate(p["bias"], "rzn")
    z = sigmoid(ux["z"] + b["z"])
    r = sigmoid(ux["r"] + h @ p["recurrent_kernel"] + b["r"])
    n = tanh((r * h) @ p["candidate_kernel"] + tanh(ux["n"]) + b["n"])
    return n * z + h * (1 - z)


def mut2_of_paper(p, h, x):
    ux = affine(p, x, "rzn")
    wh = by_gate(h @ p["recurrent_kernel"], "rz")
    z, r = sigmoid(ux["z"] + wh["z"]), sigmoid(ux["r"] + wh["r"])
    n = tanh((r * h) @ p["candidate_kernel"] + ux["n"])
    return n * z + h * (1 - z)


def mut3_of_paper(p, h, x):
    ux = affine(p, x, "rzn")
    z = sigmoid(ux["z"] + tanh(h) @ p["update_kernel"])
    r = sigmoid(ux["r"] + h @ p["recurrent_kernel"])
    n = tanh((r * h) @ p["candidate_kernel"] + ux["n"])
    return n * z + h * (1 - z)


def min_gru_of_paper(p, h, x):
    ux = affine(p, x, "zn")
    z = sigmoid(ux["z"])
    return (1 - z) * h + z * ux["n"]


def min_lstm_of_paper(p, h, x):
    ux = affine(p, x, "fin")
    f, i = sigmoid(ux["f"]), sigmoid(ux["i"])
    return f / (f + i) * h + i / (f + i) * ux["n"]


def normalized(x, scale):
    centred = x - x.mean(-1, keepdims=True)
    return scale * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def gru_layer_norm_of_paper(p, h, x):
    a, b, c = 2 * H, p["kernel_scale"], p["recurrent_scale"]
    ux, wh = x @ p["kernel"], h @ p["recurrent_kernel"]
    rz = normalized(ux[:, :a], b[:a]) + normalized(wh[:, :a], c[:a]) + p["bias"][:a]
    r, z = np.split(sigmoid(rz), 2, -1)
    candidate = normalized(wh[:, a:], c[a:]) + p["candidate_bias"]
    n = tanh(normalized(ux[:, a:], b[a:]) + p["bias"][a:] + r * candidate)
    return (1 - z) * n + z * h


PAPERS = {
    mgu: mgu_of_paper,
    ugrnn: ugrnn_of_paper,
    mut1: mut1_of_paper,
    mut2: mut2_of_paper,
    mut3: mut3_of_paper,
    min_gru: min_gru_of_paper,
    min_lstm: min_lstm_of_paper,
    gru_layer_norm: gru_layer_norm_of_paper,
}


@pytest.mark.parametrize("make", PAPERS, ids=lambda make: make.__name__)
def test_equals_paper(x64, make):
    check_against_paper(make(H), loop(PAPERS[make]))


@pytest.mark.parametrize("make", PAPERS, ids=lambda make: make.__name__)
def test_without_bias_is_with_zeros(x64, make):
    cell, plain = make(H), make(H, use_bias=False)
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda key: plain.init(key, D), jax.random.key(0))
    assert not [name for name in shapes if "bias" in name]
    params = jax.tree.map(lambda x: rng.normal(size=x.shape), shapes)
    full = jax.eval_shape(lambda key: cell.init(key, D), jax.random.key(0))
    zeros = {name: np.zeros(full[name].shape) for name in full if "bias" in name}
    inputs = rng.normal(size=(T, B, D))
    got = unroll(plain, params, inputs)
    assert_close(got, unroll(cell, params | zeros, inputs), 1e-13)


def test_mgu_with_its_gate_shut_keeps(x64):
    rng = np.random.default_rng(1)
    shapes = jax.eval_shape(lambda key: mgu(H).init(key, D), jax.random.key(0))
    params = jax.tree.map(lambda x: rng.normal(size=x.shape), shapes)
    params["bias"][:H] = -500
    carry = rng.normal(size=(B, H))
    last, _ = unroll(mgu(H), params, rng.normal(size=(T, B, D)), carry=carry)
    assert_close(last, carry, 1e-15)


def test_min_gru_is_products_of_what_is_kept(x64):
    """h_T = Σ_t (Π_{s > t} (1 - z_s)) z_t n_t."""
    rng = np.random.default_rng(2)
    params = {"kernel": rng.normal(size=(D, 2 * H)), "bias": rng.normal(size=2 * H)}
    inputs = rng.normal(size=(T, B, D))
    ux = affine(params, inputs, "zn")
    z = sigmoid(ux["z"])
    left = np.stack([(1 - z)[t + 1 :].prod(0) for t in range(T)])
    last, _ = unroll(min_gru(H), params, inputs)
    assert_close(last, (left * z * ux["n"]).sum(0), 1e-13)


def test_min_lstm_stays_finite_with_both_gates_shut():
    params = {
        "kernel": np.zeros((D, 3 * H), np.float32),
        "bias": np.repeat(np.float32([-200, -200, 1]), H),
    }
    _, outputs = unroll(min_lstm(H), params, np.ones((2, D), np.float32))
    np.testing.assert_allclose(outputs, np.repeat([[0.5], [0.75]], H, 1), rtol=1e-6)


def test_min_lstm_with_equal_gates_is_half_of_each(x64):
    rng = np.random.default_rng(3)
    kernel = rng.normal(size=(D, 3 * H))
    kernel[:, H : 2 * H] = kernel[:, :H]
    inputs = rng.normal(size=(T, B, D))
    last, _ = unroll(min_lstm(H, use_bias=False), {"kernel": kernel}, inputs)
    weights = 0.5 ** np.arange(T, 0, -1)
    want = np.einsum("t,tbh->bh", weights, inputs @ kernel[:, 2 * H :])
    assert_close(last, want, 1e-13)


def test_mut2_is_a_gru_that_exchanges_z(x64):
    """That of Chung et al., which resets before the product."""
    rng = np.random.default_rng(4)
    shapes = jax.eval_shape(lambda key: mut2(H).init(key, D), jax.random.key(0))
    params = jax.tree.map(lambda x: rng.normal(size=x.shape), shapes)
    signs = np.repeat([1, -1, 1], H)
    own = params | {name: params[name] * signs for name in ("kernel", "bias")}
    own["recurrent_kernel"] = params["recurrent_kernel"] * signs[: 2 * H]
    inputs = rng.normal(size=(T, B, D))
    want = unroll(gru(H, reset_after=False), own, inputs)
    assert_close(unroll(mut2(H), params, inputs), want, 1e-13)


def test_layer_norm_does_not_see_the_scale_of_the_inputs(x64):
    """But for what ε adds."""
    rng = np.random.default_rng(5)
    cell = gru_layer_norm(H, epsilon=1e-12)
    shapes = jax.eval_shape(lambda key: cell.init(key, D), jax.random.key(0))
    params = jax.tree.map(lambda x: rng.normal(size=x.shape), shapes)
    inputs = rng.normal(size=(T, B, D))
    _, want = unroll(cell, params, inputs)
    assert_close(unroll(cell, params, 100 * inputs)[1], want, 1e-8)


def test_bad_epsilon_is_refused():
    with pytest.raises(ValueError, match=r"epsilon must be positive, got 0.0\."):
        gru_layer_norm(H, epsilon=0.0)


def test_a_high_update_bias_keeps():
    """In the bias and nowhere else, where z keeps the carry."""
    for update_bias in (0.0, 3.0):
        params = gru(H, update_bias=update_bias).init(jax.random.key(0), D)
        want = np.repeat(np.float32([0, update_bias, 0]), H)
        np.testing.assert_array_equal(params["bias"], want)
    carry = np.ones(H, np.float32)
    inputs = np.zeros(D, np.float32)
    params = jax.tree.map(np.zeros_like, params) | {"bias": params["bias"]}
    kept, _ = gru(H).step(params, carry, inputs)
    np.testing.assert_allclose(kept, sigmoid(3.0), rtol=1e-6)
    gate = ugrnn(H, update_bias=2.0).init(jax.random.key(0), D)["bias"]
    np.testing.assert_array_equal(gate, np.repeat(np.float32([2, 0]), H))
