"""Ensembles against averages in NumPy, alone and under a beam search."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import dense, embed, gru, lstm, recurrent, stack
from rnnjax.decoding import beam_search
from rnnjax.layers import ensemble, mean_of_log_probs, mean_of_probabilities
from rnnjax.masking import lengths_to_mask
from tests.decoding.loops import log_softmax
from tests.decoding.models import draw_params

V, T, B = 6, 5, 3
SMALL = stack(embed(3), recurrent(gru(4)), dense(V))
LARGE = stack(embed(4), recurrent(lstm(5)), dense(V))
MEMBERS = SMALL, LARGE, SMALL
PARAMS = tuple(draw_params(layer, V, seed) for seed, layer in enumerate(MEMBERS))
TOKENS = np.random.default_rng(0).integers(V, size=(T, B))


def in_probability(log_probs):
    return np.log(np.exp(log_probs).mean(axis=0))


def in_log_space(log_probs):
    return np.stack([log_softmax(x) for x in log_probs.mean(axis=0)])


AVERAGES = {mean_of_probabilities: in_probability, mean_of_log_probs: in_log_space}
of_each = pytest.mark.parametrize("average", AVERAGES, ids=lambda own: own.__name__)


def averaged(average, tokens):
    """Returns the log-probabilities `[T, V]` after every token of one sequence."""
    padded = np.zeros(T, int)
    padded[: len(tokens)] = tokens
    logits = [
        compiled(layer)(params, None, padded)[1]
        for layer, params in zip(MEMBERS, PARAMS)
    ]
    log_probs = np.array([[log_softmax(x) for x in np.asarray(own)] for own in logits])
    return AVERAGES[average](log_probs)


@functools.cache
def compiled(layer):
    return jax.jit(layer.apply)


@of_each
def test_log_probabilities_are_averaged(average):
    layer = ensemble(*MEMBERS, average=average)
    mask = lengths_to_mask(jnp.array([T, 2, 0]), T)
    _, got = jax.jit(layer.apply)(PARAMS, None, TOKENS, mask=mask)
    want = averaged(average, TOKENS[:, 0])
    np.testing.assert_allclose(got[:, 0], want, 1e-5, 1e-5)
    np.testing.assert_allclose(np.exp(got[:, 0]).sum(axis=-1), 1, 1e-5)
    assert (got[2:, 1] == 0).all() and (got[:, 2] == 0).all()


def test_several_sets_of_parameters_are_decoded_as_one():
    """Scores equal those of the averaged predictions, teacher-forced."""
    layer, prompt = ensemble(*MEMBERS), TOKENS[:1]
    found = beam_search(layer, PARAMS, prompt, 4, beam_size=3, end=0, num_best=2)
    for n, row in np.ndindex(2, B):
        tokens = np.asarray(found.tokens)[: found.lengths[n, row], n, row]
        read = np.concatenate([prompt[:, row], tokens[:-1]])
        log_probs = averaged(mean_of_probabilities, read)
        want = sum(own[token] for own, token in zip(log_probs, tokens))
        np.testing.assert_allclose(found.log_probs[n, row], want, 1e-5)
    assert len(np.unique(found.tokens)) > 2


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((), "layers must be at least one, got none"),
        ((SMALL, dense(V)), r"inputs of one rank, got input_ndim \[0, 1\]"),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        ensemble(*layers)
