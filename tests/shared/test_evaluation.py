"""The cross entropy of a text equals that of a loop over its tokens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from experiments.shared import evaluation
from experiments.shared.evaluation import mean_nats, mean_nats_of_windows
from rnnjax import gru
from rnnjax.models.language_model import LanguageModel

VOCAB_SIZE, HIDDEN_SIZE = 5, 4


@pytest.fixture(scope="module")
def module():
    cells = [gru(HIDDEN_SIZE)]
    return LanguageModel(VOCAB_SIZE, cells, embedding_size=3, rngs=nnx.Rngs(0))


@pytest.fixture
def tokens():
    return np.random.default_rng(0).integers(0, VOCAB_SIZE, 101, np.int32)


def step_by_step_nats(module, tokens, previous):
    """Reads a text token by token; probabilities in NumPy, float64."""
    params, nats = nnx.as_pure(module.params), []
    carry, step = module.layer.initial_carry(params), jax.jit(module.layer.step)
    for token in tokens:
        carry, logits = step(params, carry, jnp.asarray(previous))
        logits = np.asarray(logits, np.float64)
        nats.append(np.log(np.exp(logits).sum()) - logits[token])
        previous = token
    return nats


def test_every_token_counts_once_with_the_carry_handed_on_or_by_windows(module, tokens):
    nats = step_by_step_nats(module, tokens, 2)
    for num_steps in (7, 101, 400):
        got = mean_nats(module, tokens, num_steps=num_steps, previous=2)
        np.testing.assert_allclose(got, np.mean(nats), rtol=1e-5)
    nats = []  # with the initial carry at the start of each window
    for start in range(0, 101, 8):
        previous = 2 if start == 0 else tokens[start - 1]
        nats += step_by_step_nats(module, tokens[start : start + 8], previous)
    for batch_size in (3, 16):
        sizes = {"num_steps": 8, "batch_size": batch_size}
        got = mean_nats_of_windows(module, tokens, **sizes, previous=2)
        np.testing.assert_allclose(got, np.mean(nats), rtol=1e-5)


@pytest.mark.parametrize("evaluate", [mean_nats, mean_nats_of_windows])
def test_memory_does_not_grow_with_the_text(module, monkeypatch, evaluate):
    """Long and short texts use the same program and arrays of the same size."""
    sizes, window_nats = [], evaluation._window_nats

    def counted(graph, params, carry, window):
        sizes.append(window.inputs.size)
        return window_nats(graph, params, carry, window)

    monkeypatch.setattr(evaluation, "_window_nats", counted)
    evaluate(module, np.zeros(40, np.int32), num_steps=8, previous=0)
    short, programs = max(sizes), window_nats._cache_size()
    evaluate(module, np.zeros(1000, np.int32), num_steps=8, previous=0)
    assert max(sizes) == short and len(sizes) > 8
    assert window_nats._cache_size() == programs
