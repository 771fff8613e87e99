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


def test_unknown_symbol_is_named_with_its_place():
    vocabulary = Vocabulary.of_characters("abc")
    with pytest.raises(ValueError, match="among the 3 of .* got 'ß' at position 4"):
        vocabulary.encode("abcaß")
    with pytest.raises(ValueError, match="got 'cat' at position 1"):
        Vocabulary.of_words(["a"]).encode(iter(["a", "cat"]))


@pytest.mark.parametrize("token", [-1, 3])
def test_decode_refuses_what_is_no_token(token):
    with pytest.raises(ValueError, match=f"from 0 to 2, got {token} at position 1"):
        Vocabulary.of_characters("abc").decode([0, token])


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((),), "at least one symbol, got none"),
        ((("a", "b", "a"),), "must differ, got 'a' more than once"),
        ((("a",), "", "b"), "unknown must be a symbol, got 'b'"),
    ],
)
def test_bad_vocabularies(arguments, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(*arguments)


def test_an_empty_text_has_no_vocabulary():
    with pytest.raises(ValueError, match="at least one symbol"):
        Vocabulary.of_characters("")


@pytest.mark.parametrize("min_count", [0, -2])
def test_min_count_must_be_positive(min_count):
    with pytest.raises(
        ValueError, match=f"min_count must be positive, got {min_count}"
    ):
        Vocabulary.of_words(WORDS, min_count)


@pytest.mark.parametrize("bad", ["", "[1]", '{"symbols": ["a"]}', '{"symbols": 3}'])
def test_json_of_something_else(bad):
    with pytest.raises(ValueError, match="text must be a vocabulary's JSON"):
        Vocabulary.from_json(bad)
