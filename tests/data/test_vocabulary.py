import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data.vocabulary import Vocabulary
from tests.refusals import refuses

WORDS = "b a b c b a <eos> d b a".split()


@given(st.text(min_size=1))
def test_characters_come_back(text):
    vocabulary = Vocabulary.of_characters(text)
    tokens = vocabulary.encode(text)
    assert tokens.dtype == np.int32
    assert vocabulary.decode(tokens) == text


def test_characters_are_in_the_order_of_their_codes():
    vocabulary = Vocabulary.of_characters("hello\n")
    assert vocabulary.symbols == ("\n", "e", "h", "l", "o")
    np.testing.assert_array_equal(vocabulary.encode("hole"), [2, 4, 3, 1])


@pytest.mark.parametrize(
    ("words", "min_count", "symbols", "unknown"),
    [
        (WORDS, 1, ("b", "a", "<eos>", "c", "d"), None),  # in the order of their counts
        (WORDS, 3, ("b", "<unk>", "a"), "<unk>"),  # <unk> and a: three each
        ("<unk> a <unk> b c c".split(), 2, ("<unk>", "c"), "<unk>"),
        ("a <unk> a".split(), 1, ("a", "<unk>"), "<unk>"),
    ],
)
def test_rare_words_become_unknown(words, min_count, symbols, unknown):
    vocabulary = Vocabulary.of_words(words, min_count=min_count)
    assert (vocabulary.symbols, vocabulary.unknown) == (symbols, unknown)
    assert vocabulary.decode([1, 0]) == f"{symbols[1]} {symbols[0]}"
    rare = sorted(set(words) - set(symbols))
    if unknown is not None:
        tokens = vocabulary.encode([symbols[1], *rare, "new"])
        assert tokens.tolist() == [1] + [symbols.index("<unk>")] * (len(rare) + 1)


LETTERS = Vocabulary.of_characters("abc")
WORD = Vocabulary.of_words(["a"])


test_wrong_arguments_are_refused = refuses(
    (Vocabulary, (), "at least one symbol, got none"),
    (Vocabulary, ("a", "b", "a"), "must differ, got 'a' more than once"),
    (Vocabulary, ("a",), "", "b", "unknown must be a symbol, got 'b'"),
    (Vocabulary.of_characters, "", "at least one symbol"),
    (Vocabulary.of_words, WORDS, 0, "min_count must be positive, got 0"),
    (Vocabulary.of_words, WORDS, -2, "min_count must be positive, got -2"),
    (LETTERS.encode, "abcaß", "among the 3 of .* got 'ß' at position 4"),
    (WORD.encode, iter(["a", "cat"]), "got 'cat' at position 1"),
    (LETTERS.decode, [0, -1], "from 0 to 2, got -1 at position 1"),
    (LETTERS.decode, [0, 3], "from 0 to 2, got 3 at position 1"),
)
