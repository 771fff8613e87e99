"""Sampling: greedy by hand, at a temperature as `generate`, going on."""

import functools

import jax
import numpy as np
import pytest

from rnnjax import (
    bidirectional,
    dense,
    embed,
    gru,
    lstm,
    one_hot,
    recurrent,
    sample,
    stack,
)
from rnnjax.decoding import generate, sample_tokens
from rnnjax.layers import pointwise
from tests.loop import in_numpy
from tests.pytrees import assert_close, assert_same_bits, draw_like

V, B = 7, 3


@functools.cache
def model():
    """A layer whose logits differ widely, so that no two are near a tie."""
    layer = stack(embed(4), recurrent(lstm(5)), recurrent(gru(6)), dense(V))
    shapes = jax.eval_shape(lambda key: layer.init(key, V), jax.random.key(0))
    return layer, draw_like(np.random.default_rng(3), shapes, np.float32, scale=2.0)


PROMPT = np.random.default_rng(1).integers(V, size=(4, B))


def greedy_loop(layer, params, prompt, num_steps):
    """Runs the whole sequence anew for every token; what is not drawn yet is 0."""
    run = in_numpy(layer.apply)
    tokens = np.concatenate([prompt, np.zeros((num_steps, *prompt.shape[1:]), int)])
    for t in range(len(prompt), len(tokens)):
        _, logits = run(params, None, tokens)
        tokens[t] = np.argmax(logits[t - 1], axis=-1)
    return tokens[len(prompt) :]


def test_greedy_equals_a_loop_of_argmax():
    layer, params = model()
    carry, got = sample(layer, params, PROMPT, 9, jax.random.key(0), temperature=0)
    want = greedy_loop(layer, params, PROMPT, 9)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == np.int32
    assert len(np.unique(want)) > 2
    read = np.concatenate([PROMPT, want[:-1]])
    assert_close(carry, layer.apply(params, None, read)[0], 1e-5)


def test_one_sequence_without_a_batch():
    layer, params = model()
    _, got = sample(layer, params, PROMPT[:, 1], 5, jax.random.key(0), temperature=0)
    np.testing.assert_array_equal(got, greedy_loop(layer, params, PROMPT, 5)[:, 1])


def test_going_on_equals_sampling_at_once():
    """The last token drawn is the next prompt: the carry has not read it."""
    layer, params = model()
    draw = functools.partial(
        sample, layer, params, key=jax.random.key(0), temperature=0
    )
    _, at_once = draw(prompt=PROMPT, num_steps=9)
    carry, first = draw(prompt=PROMPT, num_steps=4)
    _, second = draw(prompt=first[-1:], num_steps=5, carry=carry)
    np.testing.assert_array_equal(np.concatenate([first, second]), at_once)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_draws_are_those_of_generate_at_the_temperature(temperature):
    """What these follow is tested with samplers, the loop around them by itself."""
    layer, params = model()
    drawn = []
    for seed in (0, 1):
        given = layer, params, PROMPT, 9, jax.random.key(seed)
        carry, tokens = sample(*given, temperature=temperature)
        want = generate(*given, sampler=sample_tokens(temperature=temperature))
        assert_same_bits((carry, tokens), (want.carry, want.drawn))
        drawn.append(np.asarray(tokens))
    assert not np.array_equal(*drawn)


def test_another_temperature_compiles_nothing_new():
    traces = []

    def logits(params, inputs):
        traces.append(inputs.shape)
        return inputs @ params["table"]

    layer = stack(one_hot(V), pointwise(lambda key, input_size: {}, logits))
    params = {}, {"table": np.random.default_rng(2).normal(size=(V, V))}
    draw = functools.partial(sample, layer, params, PROMPT, 5, jax.random.key(0))
    draw(temperature=1.0)
    traced = len(traces)
    for temperature in (0.7, 2, np.float32(3.5)):
        draw(temperature=temperature)
    assert len(traces) == traced > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": PROMPT[:0]}, r"prompt must hold a step, got shape \(0, 3\)"),
        ({"prompt": np.int32(3)}, r"prompt must hold a step, got shape \(\)"),
        ({"prompt": PROMPT * 1.0}, "prompt must be integer tokens, got float32"),
        ({"num_steps": 0}, "num_steps must be a positive whole number, got 0"),
        ({"num_steps": 2.5}, "num_steps must be a positive whole number, got 2.5"),
        ({"temperature": -0.1}, "temperature must be 0 or more, got -0.1"),
        ({"temperature": float("nan")}, "temperature must be 0 or more, got nan"),
        ({"layer": recurrent(gru(5), reverse=True)}, "layer must be causal, got one"),
        ({"layer": bidirectional(gru(5))}, "layer must be causal, got one without"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    layer, params = model()
    arguments = {"layer": layer, "prompt": PROMPT, "num_steps": 3} | changes
    with pytest.raises(ValueError, match=message):
        sample(params=params, key=jax.random.key(0), **arguments)
