"""The parts of the classifiers: targets, measures, baselines and batches."""

import dataclasses
from collections import Counter

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.classification.baselines import (
    Bag,
    BagOfWords,
    count_words,
    inverse_frequencies,
)
from experiments.classification.batches import text_batches
from experiments.classification.loading import TextFlags, cut, make_vocabulary
from experiments.classification.measures import constant_scores, measure
from experiments.classification.reviews import FAULTS, PRAISE, made_reviews
from experiments.classification.targets import (
    encode_targets,
    label_weights,
    loss_of,
    make_symbols,
)
from experiments.classification.tree_batches import batch_of_tree, tree_batches
from experiments.data.labelled_texts import LabelledText, words_of
from experiments.data.labelled_trees import text_of_tree
from experiments.harness import BadInput
from rnnjax.trees import parse_brackets
from tests.pytrees import assert_close

FLAGS = TextFlags()


def texts_of(*pairs):
    return [LabelledText(words_of(words), label) for words, label in pairs]


def symbols_of(texts, target="label", **options):
    return make_symbols(target, make_vocabulary(texts, FLAGS), texts, **options)


def test_one_label():
    texts = texts_of(("a b", "x"), ("b", "y"), ("c", "y"), ("b", "y"))
    symbols = symbols_of(texts)
    targets = encode_targets(texts, symbols)
    assert symbols.labels == ("x", "y") and targets.tolist() == [0, 1, 1, 1]
    scores = np.log([[0.2, 0.8], [0.4, 0.6], [0.7, 0.3], [0.1, 0.9]])
    found = measure("test", scores, targets, symbols)
    assert found.main == "test_accuracy" and found.metrics["test_accuracy"] == 0.5
    # x: none of 1 found; y: 2 of 3 found, among 3 named so.
    assert found.metrics["test_macro_f1"] == pytest.approx((0 + 2 / 3) / 2)
    nats = -np.log([0.2, 0.6, 0.3, 0.9]).mean()
    assert found.metrics["test_loss"] == pytest.approx(nats, rel=1e-5)
    assert label_weights(targets, symbols).tolist() == pytest.approx([2.0, 2 / 3])
    assert_close(np.exp(constant_scores(targets, symbols)), np.array([1.0, 3.0]), 1e-12)


def test_several_labels():
    texts = texts_of(("a", "x| y"), ("b", ""), ("c", "y|"))
    symbols = symbols_of(texts, "labels")
    targets = encode_targets(texts, symbols)
    assert targets.tolist() == [[1, 1], [0, 0], [0, 1]]
    scores = np.array([[2.0, -1.0], [-1.0, 1.0], [-3.0, 2.0]])
    found = measure("test", scores, targets, symbols)
    # Right: x of the first, y of the third; named 3, true 3; one text all right.
    assert found.main == "test_f1"
    assert found.metrics["test_f1"] == pytest.approx(2 / 3)
    assert found.metrics["test_accuracy"] == pytest.approx(1 / 3)
    shares = 1 / (1 + np.exp(-scores))
    nats = -np.log(np.where(targets, shares, 1 - shares)).sum(axis=1)
    assert_close(loss_of("labels", scores, targets), nats, 1e-6)
    assert_close(constant_scores(targets, symbols), np.log([0.5, 2]), 1e-6)


def test_a_number():
    texts = texts_of(("a", "1"), ("b", " 3"), ("c", "8"))
    symbols = symbols_of(texts, "number")
    targets = encode_targets(texts, symbols)
    predicted = np.array([[2.0], [3.0], [4.0]])
    scores = (predicted - symbols.mean) / symbols.deviation
    metrics = measure("test", scores, targets, symbols).metrics
    assert metrics["test_mae"] == pytest.approx(5 / 3, rel=1e-5)
    assert metrics["test_rmse"] == pytest.approx(np.sqrt(17 / 3), rel=1e-5)
    assert metrics["test_r2"] == pytest.approx(1 - 17 / 26, rel=1e-5)
    mean = constant_scores(targets, symbols) * symbols.deviation + symbols.mean
    assert mean == pytest.approx(4.0, rel=1e-6)


@pytest.mark.parametrize(
    ("target", "labels", "message"),
    [
        ("label", ["x", "x"], "there must be two labels in the training texts, got x"),
        ("label", ["x", ""], "the label must not be empty"),
        ("number", ["1", "one"], "the label must be a finite number, got 'one'"),
        ("number", ["2", "2"], "there must be two numbers .* got 2 alone"),
    ],
)
def test_bad_labels(target, labels, message):
    with pytest.raises(BadInput, match=message):
        symbols_of(texts_of(*(("a", label) for label in labels)), target)


def test_a_label_never_seen():
    symbols = symbols_of(texts_of(("a", "x"), ("b", "y")))
    with pytest.raises(BadInput, match="label must be one of .* x, y; got 'z'"):
        encode_targets(texts_of(("a", "z")), symbols)


def test_made_reviews_are_labelled_by_what_they_say():
    reviews, counts, stars = (
        made_reviews(5, 40, target) for target in ("label", "labels", "number")
    )
    assert [text.words for text in reviews] == [text.words for text in counts]
    for review, praised, excess in zip(reviews, counts, stars):
        assert (int(excess.label) > 0) == (review.label == "positive")
        adjectives = [word for word in review.words if word in PRAISE + FAULTS]
        if not set(review.words) & {"not", "nobody", "far", "but", "mistaken"}:
            num = sum(word in PRAISE for word in adjectives)
            assert len(praised.label.split("|")) * bool(praised.label) == num


def test_which_end_of_a_long_text_is_kept():
    flags = dataclasses.replace(FLAGS, max_length=2)
    assert cut(("a", "b", "c"), flags) == ("b", "c")
    assert cut(("a", "b", "c"), dataclasses.replace(flags, kept_end="first")) == (
        "a",
        "b",
    )
    assert cut(("a",), flags) == ("a",)


def test_bags_equal_their_equations():
    texts = [np.array([1, 2, 2, 3]), np.array([2]), np.array([3, 3, 3])]
    idf = inverse_frequencies(texts, 5)
    assert_close(idf[[0, 1, 2]], np.log([4, 2, 4 / 3]) + 1, 1e-6)
    tokens, counts = count_words(texts[0])
    bag = Bag(np.append(tokens, 0)[None], np.append(counts, 0)[None])
    mask = jnp.array([[True, True, True, False]])
    kernel = np.random.default_rng(0).normal(size=(5, 2))
    for weights in (None, idf):
        module = BagOfWords(5, 2, weights)
        module.kernel[...], module.bias[...] = jnp.asarray(kernel), jnp.array([3.0, 1])
        x = np.zeros(5)
        for word, count in Counter(texts[0].tolist()).items():
            x[word] = 1 if weights is None else (1 + np.log(count)) * idf[word]
        if weights is not None:
            x /= np.sqrt((x**2).sum())
        assert_close(module(bag, mask=mask)[0], x @ kernel + [3, 1], 1e-5)


def test_batches_hold_every_text_once_with_its_weight():
    texts = texts_of(
        *((" ".join("abcdefg"[: i % 7 + 1]), "xyy"[i % 3]) for i in range(20))
    )
    symbols = symbols_of(texts)
    weights = np.array([3.0, 0.5], np.float32)
    batches = text_batches(texts, symbols, FLAGS, 3, label_weights=weights)
    seen = []
    for indices, batch in batches.in_order():
        assert batch.mask is not None
        for row, i in enumerate(indices):
            tokens = batch.inputs[row][batch.mask[row]]
            assert symbols.words.decode(tokens) == " ".join(texts[i].words)
            assert batch.weights[row] == weights[batches.targets[i]]
        assert not batch.weights[len(indices) :].any()
        seen += indices.tolist()
    assert sorted(seen) == list(range(20))
    by_update = [batches.batch(i).weights for i in range(batches.epoch_length)]
    assert sum((w > 0).sum() for w in by_update) == 20


def test_batches_of_trees_hold_every_labelled_node():
    lines = ["(x (y a) (x (x b) (y c)))", "(y a)", "(x (y b) (z a))", "(y (x c) (x d))"]
    texts = [text_of_tree(parse_brackets(line)) for line in lines]
    tree = texts[2].tree
    assert tree is not None
    texts[2] = texts[2]._replace(tree=tree._replace(labels=("x", "", "z")))
    symbols = symbols_of(texts, of_nodes=True)
    assert symbols.labels == ("x", "y", "z")
    batches = tree_batches(texts, symbols, FLAGS, 3)
    counts = np.zeros(3)
    for i in range(batches.epoch_length):
        batch = batches.batch(i)
        np.add.at(counts, batch.targets, batch.weights)
    assert counts.tolist() == [6, 4, 1]
    for indices, batch in batches.in_order():
        roots = batch.inputs.trees.roots[: len(indices)]
        assert batch.targets[roots].tolist() == batches.targets[indices].tolist()
        words = symbols.words.decode(batch.inputs.tokens[batch.inputs.trees.leaves[:1]])
        assert words == texts[indices[0]].words[0]
    with pytest.raises(BadInput, match="the model needs trees, got a text"):
        tree_batches(texts_of(("a", "x")), symbols, FLAGS, 3)
    with pytest.raises(BadInput, match="a node must have one or two children, got 3"):
        batch_of_tree("(x (y a) (y b) (y c))", symbols)
