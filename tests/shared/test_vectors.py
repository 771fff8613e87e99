import dataclasses
import hashlib
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from experiments.data import lookup
from experiments.data.registry import dataset
from experiments.data.vectors import read_vectors
from experiments.shared.vectors import (
    PACKED,
    VectorFlags,
    load_vectors,
    report_vectors,
)

TEXT = "the 0.5 -1 2\nMay 3 3 3\nmay 4 5 6\n"


@pytest.fixture
def flags(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text(TEXT)
    return VectorFlags(vectors=path)


def test_a_word_has_its_own_vector_or_that_of_its_lower_case(flags):
    found = load_vectors(flags, ["The", "May", "unheard", "MAY"])
    assert found is not None
    mean = [(0.5 + 3 + 4) / 3, (-1 + 3 + 5) / 3, (2 + 3 + 6) / 3]
    expected = [[0.5, -1, 2], [3, 3, 3], mean, [4, 5, 6]]
    np.testing.assert_allclose(found.table, expected, rtol=1e-6)
    assert found.is_found.tolist() == [True, True, False, True]


def test_missing_words_are_counted(flags):
    run, found = Mock(), load_vectors(flags, ["the", "a", "b"])
    assert found is not None
    report_vectors(run, found)
    assert "2 of 3 words are missing" in run.print.call_args.args[0]
    digest = hashlib.sha256(TEXT.encode()).hexdigest()
    run.record_data.assert_called_once_with(str(flags.vectors), digest)


def test_bad_flags(flags):
    with pytest.raises(ValueError, match="must have one of the 1 words, got none"):
        load_vectors(flags, ["unheard"])
    with pytest.raises(ValueError, match="freeze_vectors needs vectors"):
        VectorFlags(freeze_vectors=True)
    assert load_vectors(dataclasses.replace(flags, vectors=None), ["the"]) is None


def test_files_of_packed_vectors_are_told_from_those_of_texts(flags, monkeypatch):
    def read(vectors, words, wanted):
        return read_vectors(flags.vectors, wanted)

    monkeypatch.setattr(lookup, "find", lambda *_: {"vectors.npz": "", "words.txt": ""})
    monkeypatch.setattr("experiments.shared.vectors.read_packed_vectors", read)
    found = load_vectors(VectorFlags(vectors=Path(PACKED)), ["the"])
    assert found is not None and len(found.digests) == len(dataset(PACKED).digests)
    for name in ("imdb", "wnut17", "conll2000"):
        assert not set(found.digests) & set(dataset(name).digests)
