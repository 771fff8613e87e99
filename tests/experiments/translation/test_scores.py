"""Scores of texts whose value is known."""

import pytest

from experiments.translation.scores import text_scores


def test_bleu_by_its_definition():
    """Precisions 5/6, 3/5, 2/4 and 1/3 of the n-grams; no brevity penalty."""
    true, written = "the cat sat on the mat", "the cat sat on a mat"
    scores = text_scores([true], [written])
    expected = 100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** (1 / 4)
    assert scores.bleu == pytest.approx(expected)
    assert text_scores([true], [true])[:2] == pytest.approx((100, 100))
    assert "tok:none" in scores.signature
