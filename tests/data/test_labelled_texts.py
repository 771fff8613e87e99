"""Tables, folders of classes, packed reviews and trees as labelled texts."""

import gzip
import lzma

import numpy as np
import pytest

from experiments.data.labelled_texts import read_class_folder, read_labelled_table
from experiments.data.labelled_trees import read_labelled_trees
from experiments.data.packed_reviews import read_packed_reviews
from experiments.harness.errors import BadInput
from tests.data.mutations import mutations

TABLE = 'n;review;stars\n1;"Good; not bad,\nit\'s fine";5\n2;Dull<br />film!; 1 \n'
TREES = "(3 (2 It) (4 (1 -LRB-) (4 Good)))\n\n(2 Well)\n"


def write_folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def test_a_table(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode()))
    first, second = read_labelled_table(path, "review", "stars")
    assert first.words == ("good", "not", "bad", "it's", "fine")
    assert (first.label, first.line, second.line) == ("5", 3, 4)
    assert (second.words, second.label) == (("dull", "film"), "1")


def test_a_folder_of_files_and_folders(tmp_path):
    files = {
        "good.txt": "Très bien\n\nfine\n".encode("latin-1"),
        "bad/1.txt": b"awful\nfilm",
        "bad/2.txt": b"no",
        "notes.md": b"x",
    }
    texts = read_class_folder(write_folder(tmp_path, files), "latin-1")
    assert [(" ".join(text.words), text.label, text.line) for text in texts] == [
        ("awful film", "bad", None),
        ("no", "bad", None),
        ("très bien", "good", 1),
        ("fine", "good", 3),
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.txt": b"x", "b.txt": b""}, "b.txt: the class 'b' must have an example"),
        ({"a.txt": b"x", "b.txt": b"\n \n"}, "b.txt: the class 'b' must have an ex"),
        ({"a.txt": b"x"}, "at least two, got 1"),
        ({"a.txt": b"x", "a/1.txt": b"x"}, "the class 'a' must have one file or fol"),
        ({"a.txt": b"x", "b.txt": b"y\n?!\n"}, "b.txt, line 2: the text must hold a w"),
        ({"a.txt": b"x", "b.txt": b"y\xff"}, "b.txt, byte 1: the file must be utf-8"),
    ],
)
def test_bad_folders(tmp_path, files, message):
    with pytest.raises(BadInput, match=message):
        read_class_folder(write_folder(tmp_path / "texts", files))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("review,stars\na,1\nb\n", "a.csv, line 3: a row must have 2 values, .* got 1"),
        ("text,stars\na,1\n", "the columns must include 'review', got text, stars"),
        (
            "review,stars\n...,1\n",
            "a.csv, line 2: the text must hold a word, got '..",
        ),
    ],
)
def test_bad_tables(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(BadInput, match=message):
        read_labelled_table(path, "review", "stars")


def test_packed_reviews(tmp_path):
    tokens, index = tmp_path / "t.u16le.xz", tmp_path / "i.npz"
    tokens.write_bytes(lzma.compress(np.array([2, 4, 1, 3], "<u2").tobytes()))
    np.savez(index, lengths=np.array([3, 1], np.uint16), labels=np.array([0, 1]))
    words = ["the", "film", "bad"]
    first, second = read_packed_reviews(tokens, index, words)
    assert (first.words, first.label) == (("the", "bad", "<unk>"), "negative")
    assert (second.words, second.label) == (("film",), "positive")
    with pytest.raises(BadInput, match="numbers must be from 1 to 3, got 1 to 4"):
        read_packed_reviews(tokens, index, words[:2])
    np.savez(index, lengths=np.array([3, 2], np.uint16), labels=np.array([0, 1]))
    with pytest.raises(BadInput, match="there must be 5 words and 2 labels, got 4 and"):
        read_packed_reviews(tokens, index, words)
    for path, message in ((index, "must be .npz"), (tokens, "must be numbers")):
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(BadInput, match=message):
            read_packed_reviews(tokens, index, words)


def test_trees(tmp_path):
    path = tmp_path / "a.trees"
    path.write_text(TREES)
    first, second = read_labelled_trees(path)
    assert (first.words, first.label, first.line) == (("it", "(", "good"), "3", 1)
    assert first.tree is not None and first.tree.tokens[1] == "it"
    assert (second.words, second.label, second.line) == (("well",), "2", 3)
    (binary,) = read_labelled_trees(path, is_binary=True)  # the neutral one is left out
    assert binary.tree is not None
    assert binary.tree.labels == ("positive", "", "positive", "negative", "positive")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("(3 (2 It)", "must close its brackets, got its end"),
        ("\n", "a.trees: the file must hold a tree, got none"),
        ("(7 a)", "a.trees, line 1: labels must be from 0 to 4 .* got '7'"),
    ],
)
def test_bad_trees(tmp_path, content, message):
    path = tmp_path / "a.trees"
    path.write_text(content)
    with pytest.raises(BadInput, match=message):
        read_labelled_trees(path, is_binary=True)


def check_mutations(tmp_path, number):
    rng = np.random.default_rng(0)
    path = tmp_path / "damaged"

    def read_table(path):
        read_labelled_table(path, "review", "stars")

    for content, read in ((TABLE, read_table), (TREES, read_labelled_trees)):
        for mutated in mutations(content.encode(), rng, number):
            path.write_bytes(mutated)
            try:
                read(path)
            except BadInput:
                pass


def test_damaged_files_are_bad_input(tmp_path):
    check_mutations(tmp_path, 200)


@pytest.mark.slow
def test_many_damaged_files_are_bad_input(tmp_path):
    check_mutations(tmp_path, 10_000)
