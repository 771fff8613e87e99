"""Generation against a plain loop, rows alone, teacher forcing; ends and chunks."""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rnnjax
from rnnjax.decoding import (
    Sampler,
    generate,
    greedy,
    inverse_cdf,
    sample_bernoulli,
    sample_tokens,
    without_log_probs,
)
from rnnjax.layers import causal_convolution, pointwise
from tests.loop import in_numpy
from tests.pytrees import assert_close, draw_like

V, B, NUM_STEPS, SIZE = 7, 3, 9, 5
KEY = jax.random.key(3)
PROMPT = np.random.default_rng(1).integers(V, size=(4, B)).astype(np.int32)
MASK = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0]], bool)


@functools.cache
def model(layer, input_size):
    shapes = jax.eval_shape(lambda key: layer.init(key, input_size), jax.random.key(0))
    return draw_like(np.random.default_rng(3), shapes, np.float32, scale=2.0)


TOKENS = rnnjax.stack(
    rnnjax.embed(4), rnnjax.recurrent(rnnjax.lstm(SIZE)), rnnjax.dense(V)
)
FRAMES = rnnjax.stack(
    causal_convolution(3),
    rnnjax.dilated(rnnjax.gru(SIZE), 2),
    rnnjax.dense(2),
)


def plain_loop(layer, params, prompt, num_steps, key, draw):
    """Reads everything so far anew for each step, which draws from its own key."""
    run = in_numpy(layer.apply)
    drawn = np.zeros((num_steps, *prompt.shape[1:]), prompt.dtype)
    steps = np.concatenate([prompt, drawn])
    for t in range(num_steps):
        _, outputs = run(params, None, steps)
        last = outputs[len(prompt) + t - 1]
        steps[len(prompt) + t] = draw(jax.random.fold_in(key, t), last)
    return steps[len(prompt) :]


def test_tokens_equal_a_plain_loop_of_the_same_keys():
    params = model(TOKENS, V)
    got = generate(
        TOKENS, params, PROMPT, 6, KEY, sampler=sample_tokens(temperature=1.5)
    )
    want = plain_loop(
        TOKENS,
        params,
        PROMPT,
        6,
        KEY,
        lambda key, logits: jax.random.categorical(key, logits / 1.5),
    )
    np.testing.assert_array_equal(got.drawn, want)
    assert got.lengths.tolist() == [6] * B
    read = np.concatenate([PROMPT, want[:-1]])
    assert_close(got.carry, TOKENS.apply(params, None, read)[0], 1e-5)


def test_frames_equal_a_plain_loop_of_the_same_keys():
    """What the sampler of music did before `generate` was there."""
    params = model(FRAMES, 2)
    prompt = np.float32(np.random.default_rng(0).random((4, 2)) < 0.5)
    sampler = sample_bernoulli(temperature=0.8)
    got = generate(FRAMES, params, prompt, 6, KEY, sampler=sampler)

    def draw(key, logits):
        return jax.random.bernoulli(key, jax.nn.sigmoid(logits / 0.8))

    want = plain_loop(FRAMES, params, prompt, 6, KEY, draw)
    np.testing.assert_array_equal(got.drawn, want)
    assert 0 < want.mean() < 1 and got.drawn.dtype == np.float32


def outputs_themselves(key, outputs):
    return outputs


@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_prompts_of_unequal_length_equal_each_alone(fill):
    """With gaps too, in layers that count masked steps; a row without any is zeros."""
    params = model(FRAMES, 2)
    prompt = np.random.default_rng(0).normal(size=(4, B, 2)).astype(np.float32)
    prompt[~MASK] = fill
    feed = functools.partial(generate, FRAMES, params, sampler=outputs_themselves)
    got = feed(prompt, 6, KEY, mask=MASK)
    for row in range(2):
        want = feed(prompt[MASK[:, row], row], 6, KEY)
        assert_close(got.drawn[:, row], want.drawn, 1e-5)
        assert 0.1 < np.abs(want.drawn[-1]).max() < 10
    assert got.lengths.tolist() == [6, 6, 0]
    assert got.ended.tolist() == [False, False, True]
    assert not got.drawn[:, 2].any()


END = 2


@functools.cache
def ending():
    return generate(
        TOKENS, model(TOKENS, V), PROMPT, NUM_STEPS, KEY, sampler=greedy, end=END
    )


def test_rows_end_at_their_end_symbol():
    """After it come zeros, and the carry is what the row alone has."""
    params = model(TOKENS, V)
    got = ending()
    free = generate(TOKENS, params, PROMPT, NUM_STEPS, KEY, sampler=greedy)
    lengths = []
    for row, tokens in enumerate(np.asarray(free.drawn).T):
        ends = np.flatnonzero(tokens == END)
        lengths.append(ends[0] + 1 if len(ends) else NUM_STEPS)
        want = np.where(np.arange(NUM_STEPS) < lengths[-1], tokens, 0)
        np.testing.assert_array_equal(got.drawn[:, row], want)
        want = np.where(np.arange(NUM_STEPS) < lengths[-1], free.log_probs[:, row], 0)
        np.testing.assert_allclose(got.log_probs[:, row], want, rtol=1e-5)
        read = np.concatenate([PROMPT[:, row], tokens[: lengths[-1] - 1]])
        carry, _ = TOKENS.apply(params, None, read)
        own = jax.tree.map(operator.itemgetter(row), got.carry)
        assert_close(own, carry, 1e-5)
    assert got.lengths.tolist() == lengths
    assert got.ended.tolist() == [length < NUM_STEPS for length in lengths]
    assert len(set(lengths)) > 1 and min(lengths) < NUM_STEPS


def test_an_end_may_be_a_function_of_what_was_drawn():
    got = generate(
        TOKENS,
        model(TOKENS, V),
        PROMPT,
        NUM_STEPS,
        KEY,
        sampler=greedy,
        end=lambda token: token == END,
    )
    jax.tree.map(np.testing.assert_array_equal, got, ending())


def test_no_step_is_computed_once_all_rows_have_ended():
    calls = []

    def count_up(params, tokens):
        jax.debug.callback(lambda: calls.append(1))
        return jax.nn.one_hot(tokens + 1, 50)

    layer = pointwise(lambda key, input_size: {}, count_up, input_ndim=0)
    prompt = jnp.array([[3, 1]])
    got = generate(layer, {}, prompt, 40, KEY, sampler=greedy, end=5)
    jax.effects_barrier()
    assert got.lengths.tolist() == [2, 4]
    assert len(calls) == 4


@pytest.mark.parametrize("end", [None, 6])
def test_chunks_equal_the_whole(end):
    """With one key, also where rows have ended in an earlier chunk."""
    params = model(TOKENS, V)
    sampler = sample_tokens(choose=inverse_cdf)
    draw = functools.partial(generate, TOKENS, params, sampler=sampler, end=end)
    whole = draw(PROMPT, NUM_STEPS, KEY)
    first = draw(PROMPT, 4, KEY)
    live = ~first.ended
    second = draw(
        first.drawn[-1:], 5, KEY, carry=first.carry, mask=live[None], first_step=4
    )
    np.testing.assert_array_equal(
        np.concatenate([first.drawn, second.drawn]), whole.drawn
    )
    np.testing.assert_array_equal(first.lengths + second.lengths, whole.lengths)
    np.testing.assert_array_equal(second.ended, whole.ended)
    if end is not None:
        assert not live.all() and live.any()


def test_log_probs_equal_teacher_forced_ones():
    params = model(TOKENS, V)
    sampler = sample_tokens(temperature=2.0, top_k=3)
    got = generate(TOKENS, params, PROMPT, NUM_STEPS, KEY, sampler=sampler)
    read = np.concatenate([PROMPT, got.drawn[:-1]])
    _, logits = TOKENS.apply(params, None, read)
    logits = np.float64(logits[len(PROMPT) - 1 :])
    chosen = np.asarray(got.drawn)[..., None]
    for log_probs, scores in [
        (got.log_probs, logits),
        (
            got.sampled_log_probs,
            np.where(logits >= np.sort(logits)[..., -3:-2], logits / 2, -np.inf),
        ),
    ]:
        norm = np.log(np.exp(scores).sum(-1))
        want = np.take_along_axis(scores, chosen, -1)[..., 0] - norm
        np.testing.assert_allclose(log_probs, want, rtol=1e-4, atol=1e-5)


def test_log_probs_that_nobody_wants_are_not_computed():
    """And the draws are the same to the bit."""
    params = model(TOKENS, V)

    def run(sampler):
        return generate(TOKENS, params, PROMPT, NUM_STEPS, KEY, sampler=sampler)

    sampler = sample_tokens(temperature=0.7, top_k=4)
    got, want = run(without_log_probs(sampler)), run(sampler)
    assert got.log_probs is None and got.sampled_log_probs is None
    assert np.array_equal(got.drawn, want.drawn)
    assert "log_softmax" in str(jax.make_jaxpr(lambda: run(sampler))())
    for lean in (
        lambda: run(without_log_probs(sampler)),
        lambda: rnnjax.sample(TOKENS, params, PROMPT, NUM_STEPS, KEY),
    ):
        assert "log_softmax" not in str(jax.make_jaxpr(lean)())


def test_any_function_of_any_outputs_may_draw():
    """Two heads, read as a dict by the next step, without a batch."""

    def heads(params, inputs):
        del params
        return {"level": inputs["level"] + inputs["jump"], "jump": 2 * inputs["jump"]}

    layer = pointwise(lambda key, input_size: {}, heads)
    prompt = {"level": jnp.zeros((1, 2)), "jump": jnp.array([[1.0, 3.0]])}
    got = generate(layer, {}, prompt, 4, KEY, sampler=outputs_themselves)
    np.testing.assert_array_equal(
        got.drawn["level"], [[1, 3], [3, 9], [7, 21], [15, 45]]
    )
    assert got.log_probs is None and got.sampled_log_probs is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": PROMPT[:0]}, r"prompt must hold a step, got shape \(0, 3\)"),
        ({"prompt": {}}, r"prompt must hold a step, got shapes \[\]"),
        ({"num_steps": 0}, "num_steps must be a positive whole number, got 0"),
        ({"sampler": 3}, "sampler must be a sampler, a density or a function, got 3"),
        ({"end": 1.5}, "end must be a token or a function, got 1.5"),
        ({"end": True}, "end must be a token or a function, got True"),
        ({"mask": MASK[1:]}, r"mask must be bool of shape \(4, 3\), got bool of shape"),
        ({"mask": MASK * 1.0}, r"mask must be bool of shape \(4, 3\), got float"),
        (
            {"layer": rnnjax.bidirectional(rnnjax.gru(2))},
            "layer must be causal, got one without a step",
        ),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    arguments = {
        "layer": TOKENS,
        "params": model(TOKENS, V),
        "prompt": PROMPT,
        "num_steps": 3,
        "key": KEY,
        "sampler": greedy,
    }
    with pytest.raises(ValueError, match=message):
        generate(**arguments | changes)


def test_a_sampler_of_noise_draws_the_same_by_itself():
    sampler = Sampler(lambda noise, x: x + noise, noise=lambda key, x: jnp.ones_like(x))
    layer = pointwise(lambda key, input_size: {}, lambda params, x: 2 * x)
    got = generate(layer, {}, jnp.ones((1, 1)), 3, KEY, sampler=sampler)
    assert got.drawn.ravel().tolist() == [3, 7, 15]
    assert sampler(KEY, jnp.ones(1)).tolist() == [2]
