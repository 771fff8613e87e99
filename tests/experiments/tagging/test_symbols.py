"""Which words, tags and labels a tagger knows."""

import json

import pytest

from experiments.data.sentences import Sentence
from experiments.harness.config import CONVERTER
from experiments.shared.vectors import VectorFlags
from experiments.tagging.loading import Parts
from experiments.tagging.symbols import Symbols, make_symbols

TRAIN = [
    Sentence(("The", "cat", "sat"), ("O", "B-X", "O"), "b"),
    Sentence(("the", "cat", "Mia"), ("O", "B-X", "I-X"), "a"),
]
PARTS = Parts(TRAIN, [Sentence(("dog", "zzz"), ("O", "O"), "c")], [], {})


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("mia 1 2\ndog 3 4\nthe 5 6\nelsewhere 7 8\n")
    return VectorFlags(vectors=path)


def test_words_that_occur_twice_are_known():
    symbols, vectors = make_symbols(PARTS, 2, VectorFlags())
    assert vectors is None and symbols.vector_size is None
    assert set(symbols.words.symbols) == {"cat", "<unk>"}
    assert symbols.tags == ("B-X", "I-X", "O") and symbols.labels == ("a", "b")
    assert symbols.scheme == "bio"
    assert symbols.characters.symbols == ("<unk>", *sorted(set("ThecatsatMia")))
    kept = CONVERTER.structure(
        json.loads(json.dumps(CONVERTER.unstructure(symbols))), Symbols
    )
    assert kept == symbols


def test_every_word_with_a_vector_is_known(vectors):
    symbols, found = make_symbols(PARTS, 2, vectors)
    assert found is not None and symbols.vector_size == 2
    row = dict(zip(symbols.words.symbols, found.table.tolist(), strict=True))
    mean = [(1 + 3 + 5 + 5) / 4, (2 + 4 + 6 + 6) / 4]
    assert row == {
        "cat": mean,
        "<unk>": mean,
        "The": [5, 6],
        "the": [5, 6],
        "Mia": [1, 2],
        "dog": [3, 4],
    }
