"""Samplers: their laws by chi-squared, the order of the filters, bad options."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from rnnjax.decoding import (
    Sampler,
    greedy,
    gumbel_max,
    inverse_cdf,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    sample_bernoulli,
    sample_density,
    sample_tokens,
)
from rnnjax.decoding.samplers import as_sampler
from rnnjax.losses.densities import Density

V, NUM_DRAWS = 41, 20_000
LOGITS = np.random.default_rng(0).normal(scale=2.0, size=V).astype(np.float32)
LOGITS[[0, 7, 16, V - 1]] = -np.inf

of_both_choices = pytest.mark.parametrize(
    "choose", [gumbel_max, inverse_cdf], ids=["gumbel_max", "inverse_cdf"]
)


@functools.partial(jax.jit, static_argnums=2)
def draws(sampler, logits, num_draws=NUM_DRAWS):
    return sampler(jax.random.key(0), jnp.broadcast_to(logits, (num_draws, V)))


def shares_of(logits):
    scores = np.exp(np.float64(logits) - np.max(logits))
    return scores / scores.sum()


def is_plausible(tokens, shares):
    """Chi-squared at a level of one in ten thousand; nothing impossible is there."""
    counts = np.bincount(tokens, minlength=len(shares))
    assert counts[shares == 0].sum() == 0
    expected = shares * len(tokens)
    rare = expected < 5
    counts = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    counts, expected = counts[expected > 0], expected[expected > 0]
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    return chi_squared < stats.chi2.isf(1e-4, max(len(counts) - 1, 1))


@of_both_choices
def test_tokens_follow_the_tempered_and_filtered_softmax(choose):
    for temperature, top_k, top_p, min_p in [
        (1.0, None, None, None),
        (0.6, None, None, None),
        (1.5, 9, None, None),
        (1.5, 9, 0.8, 0.1),
    ]:
        sampler = sample_tokens(
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            choose=choose,
        )
        logits = jnp.asarray(LOGITS) / temperature
        logits = logits if top_k is None else keep_top_k(logits, top_k)
        logits = logits if top_p is None else keep_top_p(logits, top_p)
        logits = logits if min_p is None else keep_min_p(logits, min_p)
        shares = shares_of(np.asarray(logits))
        tokens = np.asarray(draws(sampler, LOGITS))
        assert tokens.dtype == np.int32
        assert is_plausible(tokens, shares)
        nearby = shares_of(np.where(shares > 0, LOGITS / (1.2 * temperature), -np.inf))
        assert not is_plausible(tokens, nearby)
        with np.errstate(divide="ignore"):
            want = np.log(shares)[tokens], np.log(shares_of(LOGITS))[tokens]
        outputs = jnp.broadcast_to(LOGITS, (NUM_DRAWS, V))
        got = (
            sampler.sampled_log_prob(outputs, tokens),
            sampler.log_prob(outputs, tokens),
        )
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


FILTERS = {  # of log-probabilities, in NumPy
    "temperature": lambda x: x / 0.7,
    "top_k": lambda x: np.where(x >= np.sort(x)[-5], x, -np.inf),
    "top_p": lambda x: np.where(mass_before(shares_of(x)) < 0.8, x, -np.inf),
    "min_p": lambda x: np.where(shares_of(x) >= 0.3 * shares_of(x).max(), x, -np.inf),
}


def mass_before(shares):
    order = np.argsort(-shares)
    before = np.empty_like(shares)
    before[order] = np.cumsum(shares[order]) - shares[order]
    return before


def test_the_order_is_temperature_top_k_top_p_min_p():
    """Every other order keeps other tokens somewhere, but top-k at any temperature."""
    stated = tuple(FILTERS)
    rows = np.random.default_rng(7).normal(size=(300, 9)).astype(np.float32)
    sampler = sample_tokens(temperature=0.7, top_k=5, top_p=0.8, min_p=0.3)
    tokens = jnp.broadcast_to(jnp.arange(9)[:, None], (9, 300))
    outputs = jnp.broadcast_to(rows, (9, 300, 9))
    got = np.asarray(sampler.sampled_log_prob(outputs, tokens)).T
    for order in itertools.permutations(FILTERS):
        want = np.float64(rows)
        for name in order:
            want = np.stack([FILTERS[name](row) for row in want])
        same = np.array_equal(want > -np.inf, got > -np.inf)
        assert same == (order in (stated, (*stated[1::-1], *stated[2:])))
        if order == stated:
            with np.errstate(divide="ignore"):
                want = np.log(np.stack([shares_of(row) for row in want]))
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@of_both_choices
def test_impossible_tokens_are_never_drawn(choose):
    """Not even at either end, nor where a sum of floats rises by rounding."""
    rng = np.random.default_rng(1)
    logits = rng.normal(scale=4.0, size=(1000, 300)).astype(np.float32)
    impossible = rng.random(logits.shape) < 0.9
    impossible[:, 150] = False
    logits[impossible] = -np.inf
    key = jax.random.key(0)
    tokens = sample_tokens(choose=choose)(key, jnp.asarray(logits))
    assert not np.take_along_axis(impossible, tokens[:, None], 1).any()
    if choose is inverse_cdf:
        last = np.float32(1) - np.finfo(np.float32).epsneg
        for uniform in (0.0, last, 0.5):
            tokens = choose.pick(jnp.full(1000, uniform, jnp.float32), logits)
            assert not np.take_along_axis(impossible, tokens[:, None], 1).any()


def test_inversion_takes_the_token_in_whose_interval_the_number_is():
    logits = np.random.default_rng(2).normal(size=(50, 1000)).astype(np.float32)
    uniform = np.linspace(0, 0.999, 50, dtype=np.float32)
    tokens = np.asarray(inverse_cdf.pick(uniform, logits))
    for token, u, row in zip(tokens, uniform, logits):
        sums = np.append(0, np.cumsum(shares_of(row)))
        assert sums[token] - 1e-6 <= u <= sums[token + 1] + 1e-6


def test_greedy_takes_the_first_of_the_most_likely():
    logits = jnp.array([[1.0, 3.0, 3.0], [2.0, 1.0, 0.0]])
    assert greedy(jax.random.key(0), logits).tolist() == [1, 0]
    assert greedy.sampled_log_prob(logits, jnp.array([1, 0])).tolist() == [0, 0]
    assert sample_tokens(temperature=0, top_k=2) is greedy


@pytest.mark.parametrize("temperature", [0, 0.5, 1.0])
def test_bits_follow_the_sigmoid(temperature):
    logits = np.float32([-1.5, 0.0, 0.7, 4.0, -60.0])
    sampler = sample_bernoulli(temperature=temperature)
    rows = jnp.broadcast_to(logits, (NUM_DRAWS, 5))
    bits = np.asarray(sampler(jax.random.key(1), rows))
    assert bits.dtype == np.float32
    tempered = logits / temperature if temperature else np.sign(logits) * 1e9
    rates = 1 / (1 + np.exp(-np.float64(np.clip(tempered, -700, 700))))
    if not temperature:
        rates[1] = 0
    deviation = np.sqrt(rates * (1 - rates) / NUM_DRAWS)
    assert (np.abs(bits.mean(0) - rates) <= 4 * deviation + 1e-9).all()
    if temperature:
        odds = np.where(bits > 0, rates, 1 - rates)
        log_probs = sampler.sampled_log_prob(rows, bits)
        np.testing.assert_allclose(log_probs, np.log(odds).sum(-1), rtol=1e-4)
        pull = stats.pearsonr(bits[:, 0], bits[:, 2])[0]
        assert abs(pull) < 4 / np.sqrt(NUM_DRAWS)


def test_a_sampler_is_a_pytree_whose_numbers_are_traced():
    traces = []

    @jax.jit
    def draw(sampler, logits):
        traces.append(1)
        return sampler(jax.random.key(0), logits)

    for temperature, top_p in [(1.0, 0.9), (0.7, 0.5), (2, 0.3)]:
        draw(sample_tokens(temperature=temperature, top_p=top_p), LOGITS)
    assert len(traces) == 1
    draw(sample_tokens(temperature=2.0), LOGITS)
    assert len(traces) == 2


NO_SHARPENING = Density(1, lambda x: x, lambda p, x: -((x - p) ** 2), lambda k, p: p)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: sample_tokens(temperature=-1),
            "temperature must be 0 or more, got -1",
        ),
        (lambda: sample_bernoulli(temperature=-0.5), "temperature must be 0 or more"),
        (lambda: sample_tokens(top_p=0), "top_p must be above 0 and at most 1, got 0"),
        (lambda: sample_tokens(top_p=1.1), "top_p must be above 0 and at most 1"),
        (lambda: sample_tokens(top_k=0), "top_k must be a positive whole number, got"),
        (lambda: sample_tokens(top_k=2.0), "top_k must be a positive whole number"),
        (lambda: sample_tokens(min_p=2), "min_p must be from 0 to 1, got 2"),
        (lambda: as_sampler("greedy"), "sampler must be a sampler, a density or a fun"),
        (
            lambda: sample_density(NO_SHARPENING, temperature=0),
            "temperature must be positive, got 0",
        ),
        (
            lambda: sample_density(NO_SHARPENING, bias=-1),
            "bias must be 0 or more, got -1",
        ),
        (
            lambda: sample_density(NO_SHARPENING, bias=1),
            "density must be one that can be sharpened if a temperature or a bias",
        ),
    ],
)
def test_wrong_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_functions_and_densities_are_samplers():
    assert isinstance(as_sampler(NO_SHARPENING), Sampler)
    drawn = as_sampler(lambda key, outputs: outputs + 1)(None, jnp.ones(2))
    assert drawn.tolist() == [2, 2]
