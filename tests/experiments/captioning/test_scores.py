"""BLEU against its definition, with several references."""

import collections
import math

import numpy as np
import pytest

from experiments.captioning.scores import bleu, sentence_scores

REFERENCES = [
    ("a dog runs on the wet grass", "the dog is running on grass today"),
    ("two small boys play in the red sand", "boys play", "children are in the sand"),
    ("a man in a hat stands by a lake",),
]
WRITTEN = [
    "a dog is running on the grass",
    "two boys play in the sand the sand",
    "a man stands by a lake",
]


def grams(text, n):
    words = text.split()
    return collections.Counter(
        tuple(words[i : i + n]) for i in range(len(words) - n + 1)
    )


def defined(references, written, order):
    """Papineni et al., section 2: clipped counts, nearest length, brevity penalty."""
    logs = []
    for n in range(1, order + 1):
        matched = total = 0
        for rights, own in zip(references, written):
            most = collections.Counter()
            for right in rights:
                most |= grams(right, n)
            matched += (grams(own, n) & most).total()
            total += grams(own, n).total()
        logs.append(math.log(matched / total))
    length = sum(len(own.split()) for own in written)
    nearest = 0
    for rights, own in zip(references, written):
        size = len(own.split())
        lengths = [len(right.split()) for right in rights]
        nearest += min(lengths, key=lambda m: (abs(m - size), m))
    penalty = min(1.0, math.exp(1 - nearest / length))
    return 100 * penalty * math.exp(np.mean(logs))


def test_bleu_by_its_definition():
    found = bleu(REFERENCES, WRITTEN)
    expected = [defined(REFERENCES, WRITTEN, order) for order in range(1, 5)]
    assert found.scores == pytest.approx(expected)
    assert len({*np.round(expected, 3)}) == 4
    assert "nrefs:var" in found.signature and "tok:none" in found.signature
    short = ["a dog runs on the wet"], [("a dog runs on the wet grass now",)]
    assert bleu(short[1], short[0]).scores[0] == pytest.approx(
        100 * math.exp(1 - 8 / 6)
    )


def test_the_score_of_a_text_alone():
    scores = sentence_scores(REFERENCES, WRITTEN)
    assert scores[1] == pytest.approx(defined(REFERENCES[1:2], WRITTEN[1:2], 4))
    assert sentence_scores([("boys play",)], ["boys play"]) == pytest.approx([100])
