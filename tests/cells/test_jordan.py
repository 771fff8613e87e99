"""The network of Jordan against its equations, with and without teacher forcing."""

import jax
import numpy as np
import pytest

from rnnjax import elman
from rnnjax.cells.jordan import jordan, jordan_forced_step, jordan_step
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, check_against_paper, sigmoid
from tests.pytrees import assert_close, assert_same_bits

OUT = 4


def from_paper(params, h, o, inputs):
    outputs = []
    for x in inputs:
        a = x @ params["kernel"] + o @ params["feedback_kernel"] + params["bias"]
        if h is not None:
            a = a + h @ params["recurrent_kernel"]
        h_new = np.tanh(a)
        o = sigmoid(h_new @ params["output_kernel"] + params["output_bias"])
        h = None if h is None else h_new
        outputs.append(o)
    return h, o, np.stack(outputs)


def test_equals_paper(x64):
    def with_hidden(params, carry, inputs):
        *carry, outputs = from_paper(params, *carry, inputs)
        return carry, outputs

    cell = jordan(H, OUT, output_activation="sigmoid")
    check_against_paper(cell, with_hidden)


def test_output_alone_equals_paper(x64):
    def without_hidden(params, carry, inputs):
        _, o, outputs = from_paper(params, None, carry[0], inputs)
        return (o,), outputs

    cell = jordan(H, OUT, output_activation="sigmoid", use_hidden=False)
    check_against_paper(cell, without_hidden)


def draw(seed=0):
    rng = np.random.default_rng(seed)
    cell = jordan(H, OUT, output_activation="sigmoid")
    shapes = jax.eval_shape(lambda key: cell.init(key, D), jax.random.key(0))
    params = jax.tree.map(lambda x: 0.6 * rng.normal(size=x.shape), shapes)
    return params, rng.normal(size=(T, B, D)), rng


def test_forced_by_its_own_outputs_is_free(x64):
    """The targets, one step later, being what the free network gives."""
    params, inputs, _ = draw()
    options = {"output_activation": "sigmoid"}
    _, outputs = unroll(jordan(H, OUT, **options), params, inputs)
    target = np.concatenate([np.zeros((1, B, OUT)), outputs[:-1]])
    forced = jordan(H, OUT, teacher_forcing=True, **options)
    _, got = unroll(forced, params, {"features": inputs, "target": target})
    assert_close(got, outputs, 1e-13)


def test_forced_by_targets_equals_a_loop(x64):
    params, inputs, rng = draw(1)
    target = rng.normal(size=(T, B, OUT))
    h = np.zeros((B, H))
    for t in range(T):
        _, _, (want,) = from_paper(params, h, target[t], inputs[t : t + 1])
        x = {"features": inputs[t], "target": target[t]}
        h, got = jordan_forced_step(params, h, x, output_activation="sigmoid")
        assert_close(got, want, 1e-12)


def test_without_feedback_it_is_elman(x64):
    params, inputs, _ = draw(2)
    params["feedback_kernel"] = np.zeros((OUT, H))
    carry, _ = unroll(jordan(H, OUT), params, inputs)
    plain = {name: params[name] for name in ("kernel", "recurrent_kernel", "bias")}
    assert_close(carry["h"], unroll(elman(H), plain, inputs)[0], 1e-13)


def test_public_step_is_the_cells(x64):
    params, inputs, rng = draw(3)
    carry = {"h": rng.normal(size=(B, H)), "outputs": rng.normal(size=(B, OUT))}
    cell = jordan(H, OUT, activation="relu")
    got = jordan_step(params, carry, inputs[0], activation="relu")
    assert_same_bits(got, cell.step(params, carry, inputs[0]))


def test_nothing_left_to_carry_is_refused():
    with pytest.raises(ValueError, match="use_hidden must be true .* got False."):
        jordan(H, OUT, teacher_forcing=True, use_hidden=False)
