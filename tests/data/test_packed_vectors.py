import numpy as np
import pytest

from experiments.data.packed_vectors import read_packed_vectors
from experiments.harness.errors import BadInput

TEXT = "the\nÄrger\n. .\nthe\n"
VECTORS = np.array([[0.5, -1], [4, 5], [7, 8], [1, 1]], np.float16)


@pytest.fixture
def write(tmp_path):
    def write(text=TEXT, name="vectors", array=VECTORS):
        path, words_path = tmp_path / "v.npz", tmp_path / "words.txt"
        np.savez(path, **{name: array})  # pyright: ignore[reportArgumentType]
        words_path.write_text(text, encoding="utf-8")
        return {"path": path, "words_path": words_path}

    return write


def test_vectors_of_a_vocabulary(write):
    found = read_packed_vectors(**write(), words=[". .", "unheard", "the"])
    np.testing.assert_array_equal(found.table, [[7, 8], [0, 0], [0.5, -1]])
    assert found.table.dtype == np.float32
    assert found.is_found.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("text", "name", "array", "message"),
    [
        (
            "a\nb\n",
            "vectors",
            VECTORS,
            "words.txt: .* 4 words, .* row of v.npz, got 2",
        ),
        (
            "a\n",
            "other",
            VECTORS,
            "v.npz: the file must be .npz with an array",
        ),
        ("a\n", "vectors", VECTORS[0], r"v.npz: .* got float16 \(2,\)"),
        ("a\n", "vectors", np.eye(1, dtype=int), r"v.npz: .* got int64 \(1, 1\)"),
        ("a\n", "vectors", np.array([[np.nan]]), "v.npz: `vectors` must be finite"),
    ],
)
def test_bad_files(write, text, name, array, message):
    with pytest.raises(BadInput, match=message):
        read_packed_vectors(**write(text, name, array), words=["a"])


def test_a_file_that_is_no_array(write):
    paths = write()
    paths["path"].write_bytes(paths["path"].read_bytes()[:-40])
    with pytest.raises(BadInput, match="v.npz: the file must be .npz with"):
        read_packed_vectors(**paths, words=["the"])
