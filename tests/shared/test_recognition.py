"""Symbols, texts too long for their frames, batches and times of words."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from experiments.harness import BadInput
from experiments.shared import buckets as bucketing
from experiments.shared.recognition.alignment import make_align, word_times
from experiments.shared.recognition.batches import Batcher
from experiments.shared.recognition.examples import (
    BLANK,
    Example,
    encode,
    keep_alignable,
    make_symbols,
    scale,
)
from experiments.shared.recognition.measures import make_measure, score_of
from experiments.shared.recognition.writing import make_search, make_write
from rnnjax.layers import pointwise, recognizer
from rnnjax.models.recognizer import Recognizer

CHANNELS = 3
TEXTS = ["ab ba", "b", "aab", "a  b"]
IDENTITY = pointwise(lambda key, size: {}, lambda params, x: x)


def example(text, length=9, seed=0, **place):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(length, CHANNELS)).astype(np.float32) + 2
    return Example(values, text, f"row {seed}", **place)


@pytest.fixture(scope="module")
def examples():
    return [example(text, 9 + i, i) for i, text in enumerate(TEXTS)]


def test_symbols_are_those_of_the_texts(examples):
    symbols = make_symbols(examples, "characters")
    assert symbols.vocabulary.symbols == (BLANK, " ", "a", "b")
    frames = np.concatenate([scale(one.values, symbols) for one in examples])
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(frames.std(axis=0), 1, atol=1e-5)
    data = encode(examples, symbols)
    assert [symbols.decode(x) for x in data.targets] == ["ab ba", "b", "aab", "a b"]
    words = make_symbols(examples, "words")
    assert words.vocabulary.symbols == (BLANK, "a", "aab", "ab", "b", "ba")
    assert words.decode(encode(examples, words).targets[0]) == "ab ba"


def test_symbols_never_seen_are_named(examples, tmp_path):
    symbols = make_symbols(examples, "characters")
    with pytest.raises(BadInput, match=r"t.tsv, line 7: the text of row 5 .* got 'é'"):
        encode([example("bé", seed=5, path=tmp_path / "t.tsv", line=7)], symbols)
    with pytest.raises(BadInput, match="must not hold <blank>"):
        make_symbols([example("a <blank>")], "words")


def test_texts_too_long_for_their_frames(tmp_path):
    """Two equal neighbours need a step between them: aab takes 4 steps of 2 frames."""
    fits, too_long = example("aab", 7), example("aab", 6, 1, path=tmp_path, line=3)
    arguments = [fits, too_long], "characters", 2
    assert keep_alignable(*arguments, skip=True) == ([fits], ["row 1"])
    message = (
        "line 3: 1 of 2 texts are too long .* row 1, which needs 4 steps and has 3"
    )
    with pytest.raises(BadInput, match=message):
        keep_alignable(*arguments, skip=False)
    with pytest.raises(BadInput, match="no text is short enough"):
        keep_alignable([too_long], "characters", 2, skip=True)


def test_batches_hold_every_example_once(examples):
    data = encode(examples, make_symbols(examples, "characters"))
    batcher = Batcher(data, 3)
    seen = []
    for rows in bucketing.rows_in_order(batcher.buckets):
        batch = batcher.batch(rows)
        assert batch.frames.shape[1] % 32 == 0 and batch.targets.shape[1] % 4 == 0
        for i, index in enumerate(rows.indices):
            frames = batch.frames[i][batch.mask[i]]
            targets = batch.targets[i][batch.target_mask[i]]
            assert not batch.frames[i][~batch.mask[i]].any()
            if index < 0:
                assert not len(frames) and not len(targets)
                continue
            seen.append(index)
            np.testing.assert_array_equal(frames, data.values[index])
            np.testing.assert_array_equal(targets, data.targets[index])
    assert sorted(seen) == [0, 1, 2, 3]


def spelt(path, symbols, text):
    """Frames that say the symbols of a path; - is the blank."""
    names = symbols.vocabulary.symbols
    tokens = [0 if c == "-" else names.index(c) for c in path]
    return Example(8 * np.eye(len(names), dtype=np.float32)[tokens], text, "row")


@pytest.fixture(scope="module")
def spelling(examples):
    """A network whose logits are its frames, and frames that say texts."""
    symbols = make_symbols(examples, "characters")
    size = len(symbols.vocabulary)
    symbols = dataclasses.replace(symbols, mean=(0.0,) * size, scale=(1.0,) * size)
    module = Recognizer(recognizer(IDENTITY, size), size, rngs=nnx.Rngs(0))
    head = module.params["encoder"][1]
    head["kernel"][...], head["bias"][...] = jnp.eye(size), jnp.zeros(size)
    given = [
        spelt("aa-b--  bba-", symbols, "ab ba"),
        spelt("a-ab-", symbols, "aba"),
        spelt("-b--", symbols, "b"),
    ]
    return module, symbols, given


def test_what_is_written_and_measured(spelling):
    module, symbols, given = spelling
    data, params = encode(given, symbols), nnx.as_pure(nnx.state(module))
    for beam_size in (1, 4):
        written = make_write(module, symbols, 2, beam_size=beam_size)(params, data)
        assert written == ["ab ba", "aab", "b"]
    measure = make_measure(module, symbols, 2)
    metrics = measure("validation", params, given, data, written)
    # Two symbols of nine and one word of four are wrong.
    assert metrics["validation_error_rate"] == pytest.approx(2 / 9)
    assert metrics["validation_substitutions"] == pytest.approx(2 / 9)
    assert metrics["validation_word_error_rate"] == pytest.approx(1 / 4)
    assert metrics["validation_exact"] == pytest.approx(2 / 3)
    assert score_of(metrics) == pytest.approx(-2 / 9 - metrics["validation_loss"] / 1e3)


def test_a_transducer_has_no_beam_and_no_alignment(spelling):
    reads = pointwise(
        lambda key, size: {}, lambda params, x: 1.0 * x[..., None], input_ndim=0
    )
    functions = recognizer(IDENTITY, 4, predictor=reads, joint_size=3)
    module = Recognizer(functions, 4, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="beam_size must be 1 for a transducer"):
        make_search(module, beam_size=2)
    with pytest.raises(ValueError, match="must be one with --loss ctc"):
        make_align(module, spelling[1])


def test_words_are_found_where_they_are_spelt(spelling):
    module, symbols, given = spelling
    align, params = make_align(module, symbols), nnx.as_pure(nnx.state(module))
    #                                    aa-b--  bba-
    assert align(params, given[0]) == [("ab", 0, 4), ("ba", 8, 11)]
    with pytest.raises(BadInput, match="the frames of row are too few"):
        align(params, given[2]._replace(text="bab ba"))
    places = np.array([0, 0, -1, 1, 2])
    found = word_times(places, ("so", "la", "so"), "words")
    assert found == [("so", 0, 2), ("la", 3, 4), ("so", 4, 5)]
