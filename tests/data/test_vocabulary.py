import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data.vocabulary import Vocabulary

WORDS = "b a b c b a <eos> d b a".split()


@given(st.text(min_size=1))
def test_characters_come_back(text):
    vocabulary = Vocabulary.of_characters(text)
    tokens = vocabulary.encode(text)
    assert tokens.dtype == np.int32
    assert vocabulary.decode(tokens) == text
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_characters_are_in_the_order_of_their_codes():
    vocabulary = Vocabulary.of_characters("hello\n")
    assert vocabulary.symbols == ("\n", "e", "h", "l", "o")
    np.testing.assert_array_equal(vocabulary.encode("hole"), [2, 4, 3, 1])


def test_words_are_in_the_order_of_their_counts():
    vocabulary = Vocabulary.of_words(WORDS)
    assert vocabulary.symbols == ("b", "a", "<eos>", "c", "d")
    assert vocabulary.unknown is None
    assert vocabulary.decode([1, 0, 2]) == "a b <eos>"


def test_rare_words_become_unknown():
    vocabulary = Vocabulary.of_words(WORDS, min_count=3)
    assert vocabulary.symbols == ("b", "<unk>", "a")  # <unk> and a: three each
    np.testing.assert_array_equal(vocabulary.encode(["a", "c", "new"]), [2, 1, 1])


def test_a_text_that_already_has_unknown_words():
    vocabulary = Vocabulary.of_words(["<unk>", "a", "<unk>", "b", "c", "c"], 2)
    assert vocabulary.symbols == ("<unk>", "c")
    assert Vocabulary.of_words(["a", "<unk>", "a"]).unknown == "<unk>"


def test_digest_tells_vocabularies_apart():
    vocabulary = Vocabulary(("a", "b"))
    others = (
        Vocabulary(("b", "a")),
        Vocabulary(("ab",)),
        Vocabulary(("a", "b"), separator=" "),
        Vocabulary(("a", "b"), unknown="b"),
    )
    assert len({entry.digest for entry in (vocabulary, *others)}) == 5
    assert dataclasses.replace(vocabulary).digest == vocabulary.digest


LETTERS = Vocabulary.of_characters("abc")
WORD = Vocabulary.of_words(["a"])


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (Vocabulary, ((),), "at least one symbol, got none"),
        (Vocabulary, (("a", "b", "a"),), "must differ, got 'a' more than once"),
        (Vocabulary, (("a",), "", "b"), "unknown must be a symbol, got 'b'"),
        (Vocabulary.of_characters, ("",), "at least one symbol"),
        (Vocabulary.of_words, (WORDS, 0), "min_count must be positive, got 0"),
        (Vocabulary.of_words, (WORDS, -2), "min_count must be positive, got -2"),
        (Vocabulary.from_json, ("",), "text must be a vocabulary's JSON"),
        (Vocabulary.from_json, ("[1]",), "text must be a vocabulary's JSON"),
        (Vocabulary.from_json, ('{"symbols": ["a"]}',), "must be a vocabulary's JSON"),
        (Vocabulary.from_json, ('{"symbols": 3}',), "text must be a vocabulary's JSON"),
        (LETTERS.encode, ("abcaß",), "among the 3 of .* got 'ß' at position 4"),
        (WORD.encode, (iter(["a", "cat"]),), "got 'cat' at position 1"),
        (LETTERS.decode, ([0, -1],), "from 0 to 2, got -1 at position 1"),
        (LETTERS.decode, ([0, 3],), "from 0 to 2, got 3 at position 1"),
    ],
)
def test_wrong_arguments_are_refused(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(*arguments)
