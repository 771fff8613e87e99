"""Prompts and samples of text."""

import jax
from flax import nnx

from experiments.data.vocabulary import Vocabulary
from experiments.shared.sampling import encode_prompt, end_symbol, sample_text
from rnnjax import gru
from rnnjax.models.language_model import LanguageModel
from tests.refusals import refuses

VOCABULARY = Vocabulary.of_characters("abc\n")
test_a_prompt_of_unseen_symbols_is_an_error_that_names_them = refuses(
    (encode_prompt, VOCABULARY, "abé", "the model has seen, got 'é' at position 2"),
    (encode_prompt, VOCABULARY, "", "prompt must hold a symbol"),
)


def test_a_prompt_and_the_symbol_that_ends_a_line():
    assert encode_prompt(VOCABULARY, "cab").tolist() == [3, 1, 2]
    assert encode_prompt(VOCABULARY, None).tolist() == [0]
    assert end_symbol(Vocabulary.of_characters("ab\n")) == "\n"
    assert end_symbol(Vocabulary(("a", "<eos>"))) == "<eos>"
    assert end_symbol(Vocabulary.of_characters("ba")) == "a"


def test_a_sample_continues_its_prompt_by_likely_symbols():
    vocabulary = Vocabulary.of_characters("abcd")
    module = LanguageModel(4, [gru(3)], rngs=nnx.Rngs(0))
    module.params["head"]["bias"][...] = jax.numpy.asarray([0.0, 0, 90, 0])
    prompt = encode_prompt(vocabulary, "dab")
    text = sample_text(module, vocabulary, prompt, 5, jax.random.key(0), 1.0)
    assert text == "dab" + "ccccc"
