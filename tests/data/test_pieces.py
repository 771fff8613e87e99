"""Pieces: texts come back, equal texts teach equal pieces, messages."""

import dataclasses

import pytest

from experiments.data.pieces import Pieces, join_pieces, train_pieces
from experiments.harness import BadInput
from experiments.harness.config import CONVERTER

TEXTS = ["the third of may", "the third of march", "a café, the thirtieth"] * 20


@pytest.fixture(scope="module")
def pieces():
    return train_pieces(TEXTS, 40)


def test_texts_come_back_from_their_pieces(pieces):
    for text in TEXTS[:3]:
        split = pieces.split(text)
        assert join_pieces(split) == text and len(split) < len(text)
    # Of what was never seen, and without normalization.
    assert join_pieces(pieces.split("the ﬁrst Ünknown")) == "the ﬁrst Ünknown"


def test_equal_texts_give_equal_pieces_that_survive_their_file(pieces):
    assert train_pieces(TEXTS, 40) == pieces
    assert train_pieces(TEXTS[:2] * 20, 40).digest != pieces.digest
    kept = CONVERTER.structure(CONVERTER.unstructure(pieces), Pieces)
    assert kept == pieces and kept.split(TEXTS[0]) == pieces.split(TEXTS[0])
    assert dataclasses.asdict(pieces) == {"model": pieces.model}
    assert len(repr(pieces)) < 30


def test_too_few_pieces():
    with pytest.raises(BadInput, match="enough for the characters .* got 5"):
        train_pieces(TEXTS, 5)
