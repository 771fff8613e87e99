import collections
import functools
import os

import numpy as np
import pytest

from experiments.data import lookup, text
from experiments.data.vocabulary import Vocabulary
from experiments.shared.baselines import ngram


def witten_bell(train, order, vocab_size):
    """Counts with dicts; returns p(symbol, context) as the equation reads."""
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
    """Chunks of 10 change nothing, and no array is longer than one and its context."""
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


def test_samples_follow_the_distribution():
    model = ngram.fit(random_text(60, 3, 5), 2, 3)
    rng = np.random.default_rng(6)
    drawn = ngram.sample(model, [], 9000, rng)
    assert drawn.dtype == np.int32
    after_one = np.bincount(drawn[1:][drawn[:-1] == 1], minlength=3)
    np.testing.assert_allclose(
        after_one / after_one.sum(), ngram.distribution(model, [1]), atol=0.03
    )


def test_temperature_sharpens_the_samples():
    model = ngram.fit(random_text(60, 3, 5), 1, 3)
    cold = np.bincount(
        ngram.sample(model, [], 9000, np.random.default_rng(7), temperature=0.5),
        minlength=3,
    )
    squared = ngram.distribution(model) ** 2
    np.testing.assert_allclose(cold / 9000, squared / squared.sum(), atol=0.03)
    greedy = ngram.sample(model, [0], 5, np.random.default_rng(8), temperature=0)
    np.testing.assert_array_equal(greedy, 5 * [squared.argmax()])


def test_sampling_reads_the_prompt():
    model = ngram.fit(np.array([0, 1, 2, 3] * 9), 3, 4)
    rng = np.random.default_rng(9)
    drawn = ngram.sample(model, [3, 0], 6, rng, temperature=0)
    np.testing.assert_array_equal(drawn, [1, 2, 3, 0, 1, 2])


MODEL, RNG = ngram.fit(np.array([0, 1, 0]), 2, 2), np.random.default_rng(0)
BELOW_0 = functools.partial(ngram.sample, temperature=-1)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (ngram.fit, ([0, 1], 0, 2), "order must be positive, got 0"),
        (ngram.fit, ([0, 1], 3, 2), "tokens must number at least order 3, got 2"),
        (ngram.fit, ([0, 1, 2], 2, 2), "tokens must be from 0 to 1, got 2 at pos.* 2"),
        (ngram.fit, ([0, -1], 1, 2), "tokens must be from 0 to 1, got -1 at pos.* 1"),
        (ngram.fit, ([0.5, 1.0], 1, 2), "must be integers with one axis, got float64"),
        (ngram.log_probs, (MODEL, [2]), "tokens must be from 0 to 1, got 2 at"),
        (ngram.distribution, (MODEL, [5]), "context must be from 0 to 1, got 5 at"),
        (ngram.cross_entropies, (MODEL, []), "must hold at least one, got none"),
        (ngram.sample, (MODEL, [], 0, RNG), "num_steps must be positive, got 0"),
        (BELOW_0, (MODEL, [], 3, RNG), "temperature must not be negative, got -1"),
        (ngram.sample, (MODEL, [0, 3], 3, RNG), "prompt must be from 0 to 1, got 3 at"),
    ],
)
def test_bad_arguments(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


def real(name):
    if lookup.DATA_DIR_VARIABLE not in os.environ:
        pytest.skip(f"{lookup.DATA_DIR_VARIABLE} does not say where the data are")
    return {file: text.read_text(path) for file, path in lookup.find(name).items()}


def test_published_figures_on_tinyshakespeare():
    (content,) = real("tinyshakespeare").values()
    vocabulary = Vocabulary.of_characters(content)
    train, valid = text.split(vocabulary.encode(content))
    model = ngram.fit(train, 6, len(vocabulary))
    np.testing.assert_allclose(
        ngram.cross_entropies(model, valid),
        [3.347, 2.486, 2.049, 1.774, 1.669, 1.698],
        atol=0.0006,
    )


def test_published_figures_on_penn_treebank():
    words = {name: text.split_words(content) for name, content in real("ptb").items()}
    vocabulary = Vocabulary.of_words(words["ptb.train.txt"])
    model = ngram.fit(vocabulary.encode(words["ptb.train.txt"]), 2, len(vocabulary))
    entropies = ngram.cross_entropies(model, vocabulary.encode(words["ptb.test.txt"]))
    np.testing.assert_allclose(np.exp(entropies), [639.3, 200.3], atol=0.06)
