"""A language model of characters over the symbols of a recognizer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import char_lm
from experiments.data.vocabulary import Vocabulary
from experiments.harness import BadInput
from experiments.harness.command import DONE
from experiments.shared.recognition.examples import BLANK, Symbols
from experiments.shared.recognition.fusion import (
    BONUSES,
    WEIGHTS,
    choose_fusion,
    load_language_model,
    renumbered,
)
from experiments.shared.trained import load
from rnnjax import gru
from rnnjax.decoding import ctc_beam_search
from rnnjax.layers import language_model
from tests.experiments.running import run
from tests.pytrees import assert_close

NUMBERS = np.array([4, 0, 3])


def symbols_of(*characters, units="characters"):
    return Symbols(Vocabulary((BLANK, *characters)), units, (0.0,), (1.0,))


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A tiny run over lines of a, b and c."""
    path = tmp_path_factory.mktemp("lm")
    (path / "text.txt").write_text("abcab\nbcabc\n" * 60)
    flags = f"--data-path {path / 'text.txt'} --hidden-size 5 --num-updates 2"
    flags += f" --eval-every 2 --batch-size 4 --num-steps 5 --run-dir {path / 'run'}"
    assert run(char_lm, flags) == DONE
    return path / "run"


def test_tokens_have_other_numbers():
    layer = language_model(5, [gru(3)])
    params = layer.init(jax.random.key(0), 5)
    mine = renumbered(layer, NUMBERS)
    tokens = np.array([[0, 2], [1, 1], [2, 0]])
    _, logits = mine.apply(params, None, tokens)
    _, expected = layer.apply(params, None, NUMBERS[tokens])
    assert_close(logits, expected[..., NUMBERS], 0)
    carry = None
    for t, step in enumerate(tokens):
        carry, own = mine.step(params, carry, step)
        assert_close(own, logits[t], 1e-6)


def test_a_line_is_scored_as_by_the_run_itself(directory):
    """The beam's language part of "ba" is that of the line, its end included."""
    symbols = symbols_of("b", "a", "c")
    model = load_language_model(directory, symbols)
    logits = 30 * jax.nn.one_hot(jnp.array([1, 2, 0]), 4)
    found = ctc_beam_search(logits, beam_size=4, language_model=model)
    assert symbols.decode(found.tokens[:2, 0]) == "ba"
    module, _, vocabulary = load(directory)
    line = vocabulary.encode("\nba\n")
    _, scores = module(line[None, :-1])
    known = vocabulary.encode("\nbac")
    log_probs = jax.nn.log_softmax(scores[0][:, known])
    places = [list("\nbac").index(c) for c in "ba\n"]
    expected = sum(log_probs[t, place] for t, place in enumerate(places))
    assert_close(found.language_log_probs[0], expected, 1e-4)


def test_what_does_not_fit_is_named(directory):
    with pytest.raises(BadInput, match="must know every symbol .* has also 'é' 'x'"):
        load_language_model(directory, symbols_of("a", "é", "x"))
    with pytest.raises(BadInput, match="needs a recognizer of them, got one of words"):
        load_language_model(directory, symbols_of("a", units="words"))
    with pytest.raises(BadInput, match="the directory holds no run"):
        load_language_model(directory.parent, symbols_of("a"))


def test_weight_and_bonus_with_the_fewest_errors_are_chosen():
    tried = []

    def error_rate_with(fusion):
        tried.append(fusion)
        return abs(fusion.weight - WEIGHTS[2]) + abs(fusion.bonus - BONUSES[3])

    best, rate = choose_fusion(error_rate_with)
    assert best == (WEIGHTS[2], BONUSES[3]) and rate == 0
    assert len(tried) == len(set(tried))
