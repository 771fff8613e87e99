"""Scheduled sampling: its two ends, its rate, and what is never replaced."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rnnjax
from rnnjax.decoding import (
    exponential_decay,
    generate,
    greedy,
    inverse_cdf,
    inverse_sigmoid_decay,
    linear_decay,
    sample_tokens,
    scheduled_inputs,
)
from tests.pytrees import draw_like

V, T, B = 11, 60, 4
KEY = jax.random.key(5)
LAYER = rnnjax.stack(rnnjax.embed(4), rnnjax.recurrent(rnnjax.gru(5)), rnnjax.dense(V))
SHAPES = jax.eval_shape(lambda key: LAYER.init(key, V), jax.random.key(0))
PARAMS = draw_like(np.random.default_rng(3), SHAPES, np.float32, scale=2.0)
TOKENS = np.random.default_rng(4).integers(V, size=(T, B)).astype(np.int32)

replace = functools.partial(scheduled_inputs, LAYER, PARAMS, TOKENS, KEY)


def test_a_rate_of_zero_is_teacher_forcing_to_the_bit():
    np.testing.assert_array_equal(replace(0.0, sampler=greedy), TOKENS)


def test_a_rate_of_one_is_generation():
    read = replace(1.0, sampler=greedy)
    drawn = generate(LAYER, PARAMS, TOKENS[:1], T - 1, KEY, sampler=greedy).drawn
    np.testing.assert_array_equal(read, np.concatenate([TOKENS[:1], drawn]))
    assert (np.asarray(read) != TOKENS).any()


@pytest.mark.parametrize("rate", [0.25, 0.7])
def test_every_input_is_the_true_one_or_what_the_model_says(rate):
    read = np.asarray(replace(rate, sampler=greedy))
    _, logits = LAYER.apply(PARAMS, None, read)
    said = np.argmax(logits, axis=-1)[:-1]
    true, own = read[1:] == TOKENS[1:], read[1:] == said
    assert (true | own).all()
    told_apart = TOKENS[1:] != said
    replaced = own[told_apart]
    deviation = np.sqrt(rate * (1 - rate) / replaced.size)
    assert abs(replaced.mean() - rate) < 4 * deviation
    for one, other in [(np.s_[:, 0], np.s_[:, 1]), (np.s_[:-1], np.s_[1:])]:
        both = told_apart[one] & told_apart[other]  # neighbours in the batch, in time
        agreement = (own[one] == own[other])[both].mean()
        assert abs(agreement - rate**2 - (1 - rate) ** 2) < 0.2


def test_draws_follow_the_model():
    """From a layer whose logits depend on nothing, at any rate."""
    shares = np.float32([0.5, 0.3, 0.2, 0.0])
    layer = rnnjax.layers.pointwise(
        lambda key, input_size: {},
        lambda params, x: jnp.log(shares) + 0.0 * x[..., None],
        input_ndim=0,
    )
    inputs = np.full((3000, 2), 3)
    for sampler in (sample_tokens(), sample_tokens(choose=inverse_cdf)):
        read = scheduled_inputs(layer, {}, inputs, KEY, 0.5, sampler=sampler)
        counts = np.bincount(np.ravel(read[1:]), minlength=4) / read[1:].size
        np.testing.assert_allclose(counts, [0.25, 0.15, 0.1, 0.5], atol=0.03)


def test_padding_and_the_input_after_it_are_never_replaced():
    mask = np.random.default_rng(6).random((T, B)) < 0.6
    spoilt = np.where(mask, TOKENS, V + 7)
    replace_all = functools.partial(scheduled_inputs, LAYER, PARAMS, mask=mask)
    read = np.asarray(replace_all(spoilt, KEY, 1.0, sampler=greedy))
    np.testing.assert_array_equal(read[~mask], spoilt[~mask])
    starts = mask & np.concatenate([np.zeros((1, B), bool), ~mask[:-1]])
    np.testing.assert_array_equal(read[starts], TOKENS[starts])
    other = np.asarray(replace_all(np.where(mask, TOKENS, 0), KEY, 1.0, sampler=greedy))
    np.testing.assert_array_equal(read[mask], other[mask])


def test_where_a_sequence_begins_the_true_input_is_read():
    """And what follows is drawn as if nothing had been before."""
    is_first = np.zeros((T, B), bool)
    is_first[[7, 20], [1, 3]] = True
    read = np.asarray(replace(1.0, sampler=greedy, is_first=is_first))
    np.testing.assert_array_equal(read[is_first], TOKENS[is_first])
    alone = scheduled_inputs(LAYER, PARAMS, TOKENS[20:, 3:], KEY, 1.0, sampler=greedy)
    np.testing.assert_array_equal(read[20:, 3:], alone)


def test_both_passes_drop_the_same_under_one_key():
    """So what is read is what the model says in the second pass."""
    layer = rnnjax.stack(LAYER, rnnjax.dropout(0.5))
    params, layer_key = (PARAMS, {}), jax.random.key(8)
    read = scheduled_inputs(
        layer, params, TOKENS, KEY, 1.0, sampler=greedy, layer_key=layer_key
    )
    _, logits = layer.apply(params, None, read, key=layer_key)
    np.testing.assert_array_equal(read[1:], np.argmax(logits, axis=-1)[:-1])
    assert (np.asarray(read) != replace(1.0, sampler=greedy)).any()


def test_nothing_has_a_gradient():
    layer = rnnjax.recurrent(rnnjax.gru(3))
    params = layer.init(jax.random.key(0), 3)
    inputs = np.random.default_rng(7).normal(size=(9, 2, 3)).astype(np.float32)

    def total(params, inputs):
        read = scheduled_inputs(
            layer, params, inputs, KEY, 0.5, sampler=lambda key, outputs: outputs
        )
        return (read**2).sum()

    grads = jax.grad(total, argnums=(0, 1))(params, jnp.asarray(inputs))
    assert not any(leaf.any() for leaf in jax.tree.leaves(grads))


def test_decays_of_the_paper():
    steps = np.array([0.0, 4.0, 9.0, 40.0])
    np.testing.assert_allclose(linear_decay(steps, 10, 0.15), [1, 0.6, 0.15, 0.15])
    np.testing.assert_allclose(exponential_decay(steps, 0.9), 0.9**steps, rtol=1e-5)
    expected = 3 / (3 + np.exp(steps / 3))
    np.testing.assert_allclose(inverse_sigmoid_decay(steps, 3), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": 1.5}, "rate must be from 0 to 1, got 1.5"),
        ({"rate": -0.1}, "rate must be from 0 to 1, got -0.1"),
        ({"mask": np.ones((T, 1), bool)}, r"mask must be bool of shape \(60, 4\)"),
        ({"is_first": np.ones(T, bool)}, r"is_first must be bool of shape \(60, 4\)"),
        ({"sampler": "best"}, "sampler must be a sampler, a density or a function"),
        ({"layer": rnnjax.bidirectional(rnnjax.gru(2))}, "layer must be causal"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    arguments = {"layer": LAYER, "params": PARAMS, "inputs": TOKENS, "key": KEY}
    arguments |= {"rate": 0.5, "sampler": greedy} | changes
    with pytest.raises(ValueError, match=message):
        scheduled_inputs(**arguments)
