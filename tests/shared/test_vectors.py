import dataclasses
import hashlib
from unittest.mock import Mock

import numpy as np
import pytest

from experiments.shared.vectors import VectorFlags, load_vectors, report_vectors

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
