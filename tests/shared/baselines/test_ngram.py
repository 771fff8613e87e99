import collections
import functools
import os

import numpy as np
import pytest

from experiments.data import lookup, text
from experiments.data.splits import split_in_two
from experiments.data.vocabulary import Vocabulary
from experiments.shared.baselines import ngram
from tests.refusals import refuses


def witten_bell(train, order, vocab_size):
    """Counts with dicts and returns p(symbol, context) as in the equation."""
    counts = collections.Counter()
    for n in range(1, order + 1):
        counts.update(tuple(train[i : i + n]) for i in range(len(train) - n + 1))
    lacking = [w for w in range(vocab_size) if (w,) not in counts]

    def probability(symbol, context):
        c = counts[*context, symbol]
        after = [counts[*context, w] for w in range(vocab_size)]
        c_h, t_h = sum(after), sum(count > 0 for count in after)
        if not context:
            if not lacking:
                return c / c_h
            return (c + t_h * (symbol in lacking) / len(lacking)) / (c_h + t_h)
        lower = probability(symbol, context[1:])
        return (c + t_h * lower) / (c_h + t_h) if c_h else lower

    return probability


def random_text(size, num_symbols, seed):
    rng = np.random.default_rng(seed)
    return rng.choice(num_symbols, size, p=rng.dirichlet(np.ones(num_symbols)))


@pytest.mark.parametrize("num_lacking", [0, 3])
@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("context", [(), (1, 0, 2, 2, 1, 0, 3)])
def test_agrees_with_the_equation(num_lacking, order, context):
    train = np.concatenate([np.arange(5), random_text(83, 5, 0)])
    vocab_size = 5 + num_lacking
    tokens = random_text(41, vocab_size, 1)
    probability = witten_bell(train.tolist(), order, vocab_size)
    full = [*context, *tokens.tolist()]
    expected = [
        np.log(probability(full[i], tuple(full[max(0, i - order + 1) : i])))
        for i in range(len(context), len(full))
    ]
    model = ngram.fit(train, order, vocab_size)
    got = ngram.log_probs(model, tokens, context)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    np.testing.assert_allclose(
        ngram.cross_entropies(model, tokens, context)[-1], -np.mean(expected)
    )


def test_evaluation_in_chunks_bounds_the_memory(monkeypatch):
    """Chunks of 10 change nothing, and no array exceeds a chunk and its context."""
    model = ngram.fit(random_text(97, 6, 2), 4, 6)
    tokens, context = random_text(101, 6, 3), random_text(53, 6, 4)
    whole = ngram.log_probs(model, tokens, context)
    entropies = ngram.cross_entropies(model, tokens, context)
    lengths, by_order = [], ngram._by_order

    def counted(model, text, places, tokens):
        lengths.append(len(text))
        return by_order(model, text, places, tokens)

    monkeypatch.setattr(ngram, "CHUNK", 10)
    monkeypatch.setattr(ngram, "_by_order", counted)
    np.testing.assert_array_equal(ngram.log_probs(model, tokens, context), whole)
    assert len(lengths) == 11 and max(lengths) == 10 + 3
    got = ngram.cross_entropies(model, tokens, context)
    np.testing.assert_allclose(got, entropies, rtol=1e-14)


def test_holds_the_models_of_lower_orders():
    train, tokens = random_text(97, 6, 2), random_text(31, 6, 3)
    entropies = ngram.cross_entropies(ngram.fit(train, 5, 6), tokens)
    for order in range(1, 6):
        lower = ngram.cross_entropies(ngram.fit(train, order, 6), tokens)
        np.testing.assert_array_equal(lower, entropies[:order])


@pytest.mark.parametrize("vocab_size", [7, 11])
def test_distributions_sum_to_one(vocab_size):
    train = random_text(150, 7, 4)
    model = ngram.fit(train, 4, vocab_size)
    last = tuple(train[-3:])  # may never have been followed by anything
    seen = tuple(train[:5])
    for context in ((), (3,), (1, 2), (6, 6, 6), seen, last, (0, 1, 2, 3, 4, 5)):
        probabilities = ngram.distribution(model, context)
        np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-14)
        assert probabilities.min() > 0
        for token in range(vocab_size):
            np.testing.assert_allclose(
                np.log(probabilities[token]),
                ngram.log_probs(model, np.array([token]), context)[0],
            )


def test_samples_follow_the_distribution_and_the_temperature():
    model = ngram.fit(random_text(60, 3, 5), 2, 3)
    for temperature in (1.0, 0.5):
        rng = np.random.default_rng(6)
        drawn = ngram.sample(model, [], 9000, rng, temperature=temperature)
        assert drawn.dtype == np.int32
        after_one = np.bincount(drawn[1:][drawn[:-1] == 1], minlength=3)
        expected = ngram.distribution(model, [1]) ** (1 / temperature)
        np.testing.assert_allclose(
            after_one / after_one.sum(), expected / expected.sum(), atol=0.03
        )
    greedy = ngram.fit(np.array([0, 1, 2, 3] * 9), 3, 4)
    drawn = ngram.sample(greedy, [3, 0], 6, rng, temperature=0)  # after the prompt
    np.testing.assert_array_equal(drawn, [1, 2, 3, 0, 1, 2])


MODEL, RNG = ngram.fit(np.array([0, 1, 0]), 2, 2), np.random.default_rng(0)
BELOW_0 = functools.partial(ngram.sample, temperature=-1)


test_bad_arguments = refuses(
    (ngram.fit, [0, 1], 0, 2, "order must be positive, got 0"),
    (ngram.fit, [0, 1], 3, 2, "tokens must number at least order 3, got 2"),
    (ngram.fit, [0, 1, 2], 2, 2, "tokens must be from 0 to 1, got 2 at pos.* 2"),
    (ngram.fit, [0, -1], 1, 2, "tokens must be from 0 to 1, got -1 at pos.* 1"),
    (ngram.fit, [0.5, 1.0], 1, 2, "must be integers with one axis, got float64"),
    (ngram.log_probs, MODEL, [2], "tokens must be from 0 to 1, got 2 at"),
    (ngram.distribution, MODEL, [5], "context must be from 0 to 1, got 5 at"),
    (ngram.cross_entropies, MODEL, [], "must hold at least one, got none"),
    (ngram.sample, MODEL, [], 0, RNG, "num_steps must be positive, got 0"),
    (BELOW_0, MODEL, [], 3, RNG, "temperature must not be negative, got -1"),
    (ngram.sample, MODEL, [0, 3], 3, RNG, "prompt must be from 0 to 1, got 3 at"),
)


@pytest.mark.skipif(
    lookup.DATA_DIR_VARIABLE not in os.environ,
    reason=f"{lookup.DATA_DIR_VARIABLE} does not say where the data are",
)
@pytest.mark.parametrize(
    ("name", "order", "expected", "tolerance"),
    [
        # nats per character of the validation part
        ("tinyshakespeare", 6, [3.347, 2.486, 2.049, 1.774, 1.669, 1.698], 0.0006),
        # perplexities of the test part
        ("ptb", 2, [639.3, 200.3], 0.06),
    ],
)
def test_published_figures(name, order, expected, tolerance):
    parts = [text.read_text(path) for path in lookup.find(name).values()]
    if name == "ptb":
        train, _, test = map(text.split_words, parts)
        vocabulary = Vocabulary.of_words(train)
    else:
        vocabulary = Vocabulary.of_characters(parts[0])
        train, test = split_in_two(parts[0], 0.9)
    model = ngram.fit(vocabulary.encode(train), order, len(vocabulary))
    entropies = ngram.cross_entropies(model, vocabulary.encode(test))
    found = np.exp(entropies) if name == "ptb" else entropies
    np.testing.assert_allclose(found, expected, atol=tolerance)
