"""Texts in parts, as characters and as words."""

import dataclasses

import numpy as np
import pytest

from experiments.data.corpus import TextFlags, load_characters, load_words
from experiments.data.vocabulary import Vocabulary
from experiments.harness import BadInput


@pytest.fixture
def write(tmp_path):
    def write(name, content, encoding="utf-8"):
        path = tmp_path / name
        path.write_text(content, encoding)
        return path

    return write


def decoded(corpus):
    parts = (corpus.train, corpus.validation, corpus.test)
    return tuple(corpus.vocabulary.decode(part) for part in parts)


def test_a_text_of_the_user_s_is_split_by_place(write):
    flags = TextFlags(data_path=write("a.txt", "0123456789"))
    assert decoded(load_characters(flags)) == ("01234567", "8", "9")
    assert decoded(load_characters(flags, 0.6)) == ("012345", "67", "89")


def test_words_are_split_by_place_with_the_vocabulary_of_the_training_part(write):
    flags = TextFlags(data_path=write("a.txt", "a b\na b\na c\nc\nb d"))
    corpus = load_words(flags, 2)  # 14 words
    assert corpus.vocabulary.symbols == ("<eos>", "a", "b", "c", "<unk>")
    train = "a b <eos> a b <eos> a c <eos> c <eos>"
    assert decoded(corpus) == (train, "b", "<unk> <eos>")


def test_parts_may_be_files_of_their_own_in_any_encoding(write):
    contents = {"data_path": "abab", "validation_path": "ba", "test_path": "cc"}
    paths = {name: write(name, content) for name, content in contents.items()}
    corpus = load_characters(TextFlags(**paths))
    assert decoded(corpus) == tuple(contents.values())
    assert set(corpus.digests) == {str(path) for path in paths.values()}
    without_test = dataclasses.replace(TextFlags(**paths), test_path=None)
    assert load_characters(without_test).test is None
    path = write("latin.txt", "äöüäöüäöüß", "latin-1")
    corpus = load_characters(TextFlags(data_path=path, encoding="latin-1"))
    assert "".join(corpus.vocabulary.symbols) == "ßäöü"


def test_files_of_a_split_must_come_together(write):
    path = write("a.txt", "abab")
    with pytest.raises(ValueError, match="validation_path needs data_path"):
        TextFlags(validation_path=path)
    with pytest.raises(ValueError, match="test_path needs validation_path"):
        TextFlags(data_path=path, test_path=path)


@pytest.mark.parametrize("load", [load_characters, lambda flags: load_words(flags, 2)])
def test_a_text_too_short_names_the_file_and_no_flag(write, load):
    with pytest.raises(BadInput, match=r"a.txt: the data are too short") as error:
        load(TextFlags(data_path=write("a.txt", "x")))
    assert "train_fraction" not in str(error.value)


def test_a_new_word_without_unknown_ones_names_the_remedy(write):
    flags = TextFlags(data_path=write("a.txt", "a b a b a b a b c\n"))
    with pytest.raises(BadInput, match="a.txt: the word 'c' .* min_count of 2 or more"):
        load_words(flags, 1)
    assert load_words(flags, 2).vocabulary.unknown == "<unk>"


def test_a_given_vocabulary_is_kept(write):
    vocabulary = Vocabulary.of_characters("zyxcba")
    flags = TextFlags(data_path=write("a.txt", "abcabcabcabc"))
    corpus = load_characters(flags, vocabulary=vocabulary)
    assert corpus.vocabulary is vocabulary
    np.testing.assert_array_equal(corpus.validation, vocabulary.encode("a"))
    with pytest.raises(ValueError, match="got 'c' at position 2"):
        load_characters(flags, vocabulary=Vocabulary.of_characters("ab"))
