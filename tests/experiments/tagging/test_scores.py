import jax.numpy as jnp
import numpy as np
import pytest

from experiments.data.sentences import Sentence
from experiments.tagging import baselines, grammar, scores


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("B-A I-A O B-A", [(0, 2, "A"), (3, 4, "A")]),
        ("I-A I-A B-A", [(0, 2, "A"), (2, 3, "A")]),  # IOB1
        ("I-A I-B I-B", [(0, 1, "A"), (1, 3, "B")]),  # the type changes
        ("O I-A O I-B", [(1, 2, "A"), (3, 4, "B")]),  # improper, yet spans
        ("S-A B-A E-A E-A I-A", [(0, 1, "A"), (1, 3, "A"), (3, 4, "A"), (4, 5, "A")]),
        ("B-A-b I-A-b", [(0, 2, "A-b")]),
        ("O O", []),
    ],
)
def test_spans_by_the_rules_of_conlleval(tags, spans):
    assert scores.spans_of(tags.split()) == [scores.Span(*span) for span in spans]


def test_scores_of_spans_and_tokens():
    true = [["B-A", "I-A", "O", "B-B"], ["B-A", "O"]]
    found = [["B-A", "I-A", "B-B", "B-B"], ["B-B", "O"]]
    result = scores.score_spans(true, found)
    assert result[""] == scores.SpanScores(num_found=4, num_true=3, num_right=2)
    assert result["A"] == scores.SpanScores(num_found=1, num_true=2, num_right=1)
    assert (result["B"].precision, result["B"].recall) == (1 / 3, 1)
    np.testing.assert_allclose(result[""].f1, 2 / (4 / 2 + 3 / 2))
    assert scores.accuracy(true, found) == 4 / 6
    table = [line.split() for line in scores.spans_table(result).splitlines()]
    assert [row[0] for row in table] == ["span", "all", "A", "B"]
    assert table[2][1:] == ["1.000", "0.500", "0.667", "2"]
    assert scores.SpanScores().f1 == scores.SpanScores().recall == 0
    assert scores.has_spans(true[0]) and not scores.has_spans(["NOUN", "O"])


def test_most_frequent_tag_and_shape():
    sentences = [
        Sentence(("the", "walk", "walk", "walk"), ("D", "N", "N", "V")),
        Sentence(("Boole", "quickly", "2010"), ("P", "A", "M")),
    ]
    tagger = baselines.FrequentTags(sentences)
    assert tagger.tag(["walk", "Toole", "badly", "1910", "zz"]) == tuple("NPAMN")


def test_a_perceptron_over_a_window(x64):
    T, B, D, H = 5, 2, 3, 4
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(T, B, D)), np.arange(T)[:, None] < [5, 2]
    params = {"kernel": rng.normal(size=(3 * D, H)), "bias": rng.normal(size=H)}
    layer = baselines.window_perceptron(3, H)
    _, found = layer.apply(params, None, x, mask=jnp.asarray(mask))
    for b, length in enumerate(mask.sum(axis=0)):
        padded = np.pad(x[:length, b], ((1, 1), (0, 0)))
        for t in range(length):
            pre = padded[t : t + 3].ravel() @ params["kernel"] + params["bias"]
            np.testing.assert_allclose(found[t, b], np.tanh(pre), rtol=1e-12)
        assert not np.asarray(found)[length:, b].any()


def test_context_tells_what_a_word_of_the_grammar_is():
    sentences = grammar.made_sentences(seed=0, number=2000)
    assert sentences == grammar.made_sentences(seed=0, number=2000)
    tagger = baselines.FrequentTags(sentences[:1600])
    test = sentences[1600:]
    right = scores.accuracy(
        [sentence.tags for sentence in test],
        [tagger.tag(sentence.words) for sentence in test],
    )
    assert 0.8 < right < 0.92
    assert {sentence.label for sentence in test} == {"order", "question", "statement"}
