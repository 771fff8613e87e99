import gzip

import numpy as np
import pytest

from experiments.data.vectors import read_vectors
from experiments.harness.errors import BadInput
from tests.data.mutations import mutations

TEXT = "the 0.5 -1 2e-1\n. . . 4 5 6\nÄrger 7 8 9\nthe 1 1 1\n"


@pytest.fixture
def write(tmp_path):
    def write(content, name="v.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize("head", ["", "4 3\n"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_vectors_of_a_vocabulary(write, head, is_packed):
    content = (head + TEXT).encode()
    path = write(gzip.compress(content), "v.txt.gz") if is_packed else write(content)
    found = read_vectors(path, ["Ärger", "unheard", "the", ". . ."])
    expected = [[7, 8, 9], [0, 0, 0], [0.5, -1, 0.2], [4, 5, 6]]
    np.testing.assert_array_equal(found.table, np.float32(expected))
    assert found.is_found.tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TEXT.replace("8 9", "8"), "line 3: .* a word and 3 numbers, .* got 2"),
        (TEXT.replace("8 9", "8 9 10"), "line 3: .* 3 numbers, .* got 4"),
        (TEXT.replace("8 9", "8 x"), "line 3: a vector must be of numbers: .*'x'"),
        (TEXT.replace("8 9", "8 1e39"), "line 3: a vector must be finite in float32"),
        (TEXT.replace("8 9", "8 inf"), "line 3: a vector must be finite"),
        ("word\nother\n", "line 1: a line must be a word and some numbers"),
        (TEXT.encode("latin-1"), "line 3: the file must be utf-8, got byte 0xc4"),
        ("", "must hold a vector, got none"),
        ("12 3\n", "must hold a vector, got none"),
    ],
)
def test_bad_lines(write, content, message):
    with pytest.raises(BadInput, match=f"v.txt.*{message}"):
        read_vectors(write(content), ["the"])


def test_a_file_that_was_cut_off(write):
    path = write(gzip.compress(TEXT.encode())[:-9], "v.txt.gz")
    with pytest.raises(BadInput, match="v.txt.gz: the file cannot be decompressed"):
        read_vectors(path, ["the"])


@pytest.mark.parametrize("number", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_mutated_files_are_read_or_refused(write, number):
    refused = 0
    for content in mutations(TEXT.encode(), np.random.default_rng(1), number):
        try:
            assert np.isfinite(
                read_vectors(write(content), ["the", "Ärger"]).table
            ).all()
        except BadInput as error:
            refused += 1
            assert "v.txt" in str(error)
    assert 0 < refused < number
