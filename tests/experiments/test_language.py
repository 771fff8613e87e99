"""What the language models share: updates, schedules, evaluation, prompts."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import word_lm
from experiments.data.streams import contiguous_streams
from experiments.data.vocabulary import Vocabulary
from experiments.language.config import decay_by_epoch, make_network
from experiments.language.evaluation import mean_nats, mean_nats_of_windows
from experiments.language.samples import encode_prompt, keep_vocabulary
from experiments.language.truncated import initial_state, truncated_update
from experiments.shared.devices import make_mesh
from rnnjax import cross_entropy_sum_over_time, gru
from rnnjax.layers.language_model import language_model

VOCAB_SIZE, HIDDEN_SIZE = 5, 4


@pytest.fixture
def layer():
    return language_model(VOCAB_SIZE, [gru(HIDDEN_SIZE)], embedding_size=3)


@pytest.fixture
def tokens():
    return np.random.default_rng(0).integers(0, VOCAB_SIZE, 101, np.int32)


def step_by_step_nats(layer, params, tokens, previous, carry):
    """Reads a text a token at a time; probabilities in NumPy, float64."""
    nats, step = [], jax.jit(layer.step)
    for token in tokens:
        carry, logits = step(params, carry, jnp.asarray(previous))
        logits = np.asarray(logits, np.float64)
        nats.append(np.log(np.exp(logits).sum()) - logits[token])
        previous = token
    return nats, carry


def test_evaluation_counts_every_token_once_with_the_carry_handed_on(layer, tokens):
    params = layer.init(jax.random.key(0))
    carry = layer.initial_carry(params)
    nats, _ = step_by_step_nats(layer, params, tokens, 2, carry)
    for num_steps in (7, 101, 400):
        got = mean_nats(layer, params, tokens, num_steps=num_steps, previous=2)
        np.testing.assert_allclose(got, np.mean(nats), rtol=1e-5)


def test_evaluation_in_windows_begins_each_with_the_initial_carry(layer, tokens):
    params = layer.init(jax.random.key(0))
    nats = []
    for start in range(0, 101, 8):
        previous = 2 if start == 0 else tokens[start - 1]
        part, carry = tokens[start : start + 8], layer.initial_carry(params)
        nats += step_by_step_nats(layer, params, part, previous, carry)[0]
    got = mean_nats_of_windows(layer, params, tokens, num_steps=8, previous=2)
    np.testing.assert_allclose(got, np.mean(nats), rtol=1e-5)


def test_updates_hand_the_carry_on_and_cut_the_gradient(layer, tokens):
    """Two updates of plain SGD, against the gradient of a Python loop of steps."""
    batch_size, num_steps, rate = 3, 4, 0.5
    streams = contiguous_streams(tokens, batch_size, num_steps)
    optimizer = optax.sgd(rate)
    state = initial_state(layer, VOCAB_SIZE, optimizer, batch_size, jax.random.key(0))
    params, carry = jax.tree.map(jnp.copy, (state.params, state.carry))
    update = truncated_update(
        layer,
        optimizer,
        cross_entropy_sum_over_time,
        streams,
        num_steps,
        jax.random.key(1),
        make_mesh(1),
    )

    @functools.partial(jax.jit, static_argnums=2)
    def summed_nats(params, carry, start):
        total = 0.0
        for t in range(start, start + num_steps):
            carry, logits = layer.step(params, carry, jnp.asarray(streams[:, t]))
            chosen = logits[jnp.arange(batch_size), streams[:, t + 1]]
            total += (jax.nn.logsumexp(logits, axis=-1) - chosen).sum() / batch_size
        return total, carry

    for i in range(2):
        state, metrics = update(state, i)
        (nats, carry), grads = jax.value_and_grad(summed_nats, has_aux=True)(
            params, carry, i * num_steps
        )
        params = jax.tree.map(lambda p, g: p - rate * g, params, grads)
        np.testing.assert_allclose(metrics["loss"], nats / num_steps, rtol=1e-5)
        squares = sum(float((g**2).sum()) for g in jax.tree.leaves(grads))
        np.testing.assert_allclose(metrics["grad_norm"], math.sqrt(squares), rtol=1e-5)
    for got, expected in zip(jax.tree.leaves(state.params), jax.tree.leaves(params)):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "name, num_weights, epochs, rates",
    [
        # rates of epochs 1, 4, 5, 6 and 13; the paper's section 4.1
        ("zaremba_small", 4_651_600, 13, {1: 1, 4: 1, 5: 1 / 2, 6: 1 / 4, 13: 2**-9}),
        ("zaremba_medium", 19_775_200, 39, {1: 1, 6: 1, 7: 1 / 1.2, 39: 1.2**-33}),
        ("zaremba_large", 66_022_000, 55, {1: 1, 14: 1, 15: 1 / 1.15, 55: 1.15**-41}),
    ],
)
def test_presets_are_the_paper_s(name, num_weights, epochs, rates):
    config = word_lm.PRESETS[name]
    layer = make_network(config, 10_000)
    shapes = jax.eval_shape(layer.init, jax.random.key(0))
    assert sum(math.prod(x.shape) for x in jax.tree.leaves(shapes)) == num_weights
    epoch_length = config.eval_every
    assert epoch_length == (929_589 // 20 - 1) // config.num_steps
    assert config.num_updates == epochs * epoch_length
    schedule = decay_by_epoch(config, epoch_length)
    for epoch, rate in rates.items():
        first, last = (epoch - 1) * epoch_length, epoch * epoch_length - 1
        np.testing.assert_allclose(schedule(jnp.asarray(first)), rate, rtol=1e-5)
        np.testing.assert_allclose(schedule(jnp.asarray(last)), rate, rtol=1e-5)


def test_all_weights_of_a_preset_are_drawn_from_its_interval():
    config = word_lm.PRESETS["zaremba_small"]
    params = make_network(config, 30).init(jax.random.key(0))
    for leaf in jax.tree.leaves(params):
        assert 0.8 * 0.1 < float(abs(leaf).max()) <= 0.1
        assert abs(float(leaf.mean())) < 5 * 0.1 / math.sqrt(3 * leaf.size)


def test_a_prompt_of_unseen_symbols_is_an_error_that_names_them():
    vocabulary = Vocabulary.of_characters("abc\n")
    assert encode_prompt(vocabulary, "cab").tolist() == [3, 1, 2]
    assert encode_prompt(vocabulary, None).tolist() == [0]
    with pytest.raises(ValueError, match=r"the model has seen, got 'é' at position 2"):
        encode_prompt(vocabulary, "abé")
    with pytest.raises(ValueError, match="prompt must hold a symbol"):
        encode_prompt(vocabulary, "")


def test_another_vocabulary_is_an_error_that_says_what_differs(tmp_path):
    keep_vocabulary(tmp_path, Vocabulary.of_characters("abc"))
    keep_vocabulary(tmp_path, Vocabulary.of_characters("cab"))
    with pytest.raises(ValueError, match=r"missing are 'a', new 'x', 'y'"):
        keep_vocabulary(tmp_path, Vocabulary.of_characters("bcxy"))
