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


LINES = "naïve Tschüß\r\n\x0c\u2028…\n"


@pytest.mark.parametrize(
    ("encoding", "content", "expected"),
    [
        ("utf-8", LINES.encode(), LINES),
        ("utf-8", gzip.compress(LINES.encode(), mtime=0), LINES),
        ("utf-8", "naïve".encode("utf-8-sig"), "naïve"),
        ("utf-16", "naïve".encode("utf-16"), "naïve"),
        ("utf-16-le", "\ufeffnaïve".encode("utf-16-le"), "naïve"),
        ("latin-1", "naïve".encode("latin-1"), "naïve"),
    ],
)
def test_texts_plain_and_packed_in_their_encodings(
    tmp_path, encoding, content, expected
):
    path = tmp_path / ("a.txt.gz" if content.startswith(b"\x1f\x8b") else "a.txt")
    path.write_bytes(content)
    assert text.read_text(path, encoding) == expected


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"", "utf-8", "a.txt: the file must hold a text, got an"),
        (b"\xef\xbb\xbf", "utf-8", "a.txt: the file must hold a text, got an"),
        (b"\xc3\x9fab\xe9cd", "utf-8", "a.txt, byte 4: .* utf-8, got byte 0xe9"),
        (b"\xc3\x9fab\xe9cd", "utf-9", "one that Python knows, got 'utf-9'"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, content, encoding, message):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    kind = ValueError if encoding == "utf-9" else BadInput
    with pytest.raises(kind, match=message):
        text.read_text(path, encoding)


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


def test_ptb():
    files = real("ptb")
    words, symbols = (
        [split(files[f"ptb.{part}.txt"]) for part in ("train", "valid", "test")]
        for split in (text.split_words, text.ptb_characters)
    )
    vocabulary = Vocabulary.of_words(words[0])
    assert len(vocabulary) == 10_000
    assert vocabulary.symbols[:3] == ("the", "<unk>", "<eos>")
    assert [len(part) for part in words] == [929_589, 73_760, 82_430]
    assert set(words[1]) | set(words[2]) <= set(vocabulary.symbols)
    assert len(Vocabulary.of_characters(symbols[0])) == 50
    assert [len(part) for part in symbols] == [5_017_482, 393_042, 442_423]
    assert len(files) == 3


def test_tinyshakespeare():
    (content,) = real("tinyshakespeare").values()
    train, valid = split_in_two(content, 0.9)
    assert (len(train), len(valid)) == (1_003_854, 111_540)
    vocabulary = Vocabulary.of_characters(content)
    assert len(vocabulary) == 65
    assert vocabulary.decode(vocabulary.encode(valid)) == valid
