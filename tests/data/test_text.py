"""Reading texts, and splitting them into symbols."""

import gzip
import hashlib
import os

import pytest

from experiments.data import lookup, text
from experiments.data.splits import split_in_two
from experiments.data.vocabulary import Vocabulary
from experiments.harness import BadInput


def real(name):
    if lookup.DATA_DIR_VARIABLE not in os.environ:
        pytest.skip(f"{lookup.DATA_DIR_VARIABLE} does not say where the data are")
    return {file: text.read_text(path) for file, path in lookup.find(name).items()}


@pytest.mark.parametrize("suffix", [".txt", ".txt.gz"])
def test_read_text_plain_and_packed(tmp_path, suffix):
    content = "naïve Tschüß\r\n\x0c\u2028…\n"
    path = tmp_path / f"text{suffix}"
    pack = gzip.compress if suffix.endswith("gz") else bytes
    path.write_bytes(pack(content.encode()))
    assert text.read_text(path) == content


def test_bytes_of_another_encoding_are_named_with_their_place(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("ß".encode() + b"ab\xe9cd")
    with pytest.raises(BadInput, match=r"latin.txt, byte 4: .* utf-8, got byte 0xe9"):
        text.read_text(path)
    with pytest.raises(ValueError, match="one that Python knows, got 'utf-9'"):
        text.read_text(path, "utf-9")


@pytest.mark.parametrize(
    "encoding, content",
    [
        ("utf-8", "naïve".encode("utf-8-sig")),
        ("utf-16", "naïve".encode("utf-16")),
        ("utf-16-le", "\ufeffnaïve".encode("utf-16-le")),
        ("latin-1", "naïve".encode("latin-1")),
    ],
)
def test_other_encodings_and_byte_order_marks(tmp_path, encoding, content):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    assert text.read_text(path, encoding) == "naïve"


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_empty_file(tmp_path, content):
    path = tmp_path / "empty.txt"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="empty.txt: the file must hold a text, got an"):
        text.read_text(path)


def test_pydoc_topics_is_a_text_worth_learning():
    topics = text.pydoc_topics()
    assert len(topics) > 400_000
    assert 'The "with" statement' in topics and "lambda" in topics
    assert text.pydoc_topics() == topics
    assert text.text_digest(topics) == hashlib.sha256(topics.encode()).hexdigest()


def test_words_end_every_line():
    assert text.split_words(" a  b \n\nc") == ["a", "b", "<eos>", "<eos>", "c", "<eos>"]
    assert text.split_words("a\x0cb\n") == ["a", "b", "<eos>"]
    assert text.split_words("") == []


def test_ptb_words():
    files = real("ptb")
    words = {name: text.split_words(content) for name, content in files.items()}
    vocabulary = Vocabulary.of_words(words["ptb.train.txt"])
    assert len(vocabulary) == 10_000
    assert vocabulary.symbols[:3] == ("the", "<unk>", "<eos>")
    sizes = {name: len(words[name]) for name in words}
    assert sizes == {
        "ptb.train.txt": 929_589,
        "ptb.valid.txt": 73_760,
        "ptb.test.txt": 82_430,
    }
    assert set(words["ptb.valid.txt"]) | set(words["ptb.test.txt"]) <= set(
        vocabulary.symbols
    )


def test_ptb_characters():
    files = real("ptb")
    symbols = {name: text.ptb_characters(files[name]) for name in files}
    assert len(Vocabulary.of_characters(symbols["ptb.train.txt"])) == 50
    assert [len(symbols[name]) for name in sorted(symbols)] == [
        442_423,
        5_017_482,
        393_042,
    ]


def test_tinyshakespeare():
    (content,) = real("tinyshakespeare").values()
    train, valid = split_in_two(content, 0.9)
    assert (len(train), len(valid)) == (1_003_854, 111_540)
    vocabulary = Vocabulary.of_characters(content)
    assert len(vocabulary) == 65
    assert vocabulary.decode(vocabulary.encode(valid)) == valid
