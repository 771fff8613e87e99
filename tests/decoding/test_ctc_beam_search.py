"""Prefix beam search against a loop in NumPy, against all labels, and in chunks."""

import functools
import itertools

import jax
import numpy as np
import pytest

from experiments.kit_speed.prefix_beam_loop import log_softmax, prefix_beam_loop
from rnnjax import dense, embed, gru, lstm, one_hot, recurrent, stack
from rnnjax.decoding import CTCBeams, LanguageModel, ctc_beam_search
from rnnjax.layers import pointwise
from rnnjax.losses import ctc_loss
from tests.decoding.models import draw_params
from tests.pytrees import assert_close

T, B, V, K = 24, 4, 5, 6
BLANK = 2


@functools.cache
def draw(dtype=np.float64):
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=1.5, size=(T, B, V)).astype(dtype)
    logits[..., BLANK] += 1
    mask = rng.random((T, B)) < 0.8
    mask[:, 0], mask[:, 1] = True, False
    return logits, mask


def search(*arguments, **options):
    return ctc_beam_search(*arguments, beam_size=K, blank=BLANK, **options)


def found_in(found, row):
    """Returns the prefixes of a row that exist and their log-probabilities."""
    prefixes = []
    for n in range(found.lengths.shape[0]):
        if found.scores[n, row] > -np.inf:
            tokens = found.tokens[: found.lengths[n, row], n, row]
            prefixes.append((tuple(tokens.tolist()), found.log_probs[n, row].item()))
    return prefixes


def check_same(got, want):
    assert [prefix for prefix, _ in got] == [prefix for prefix, _ in want]
    assert_close([p for _, p in got], [p for _, p in want], 1e-10)


def test_equals_the_loop(x64):
    logits, mask = draw()
    found = search(np.where(mask[..., None], logits, np.nan), mask=mask, num_best=K)
    for row in range(B):
        log_probs = log_softmax(logits[mask[:, row], row])
        want = prefix_beam_loop(log_probs, K, BLANK)
        check_same(found_in(found, row), want)
    assert len(found_in(found, 1)) == 1  # no frame: the empty prefix alone
    assert not found.cut.any() and len(np.unique(found.lengths[0])) > 2


def test_prefixes_that_left_the_beam_and_come_back_are_merged(x64):
    """A longer prefix may have stayed: what grows into it again is added to it."""
    logits = np.random.default_rng(1).normal(scale=2, size=(16, 100, 3))
    found = ctc_beam_search(logits, beam_size=4, num_best=4)
    for row in range(100):
        check_same(
            found_in(found, row), prefix_beam_loop(log_softmax(logits[:, row]), 4)
        )


@functools.cache
def table_model():
    """A language model whose logits depend on the last token alone, by a table."""
    table = np.random.default_rng(7).normal(scale=2, size=(V, V))
    layer = stack(
        one_hot(V), pointwise(lambda key, input_size: {}, lambda p, x: x @ p["table"])
    )
    return LanguageModel(layer, ({}, {"table": table}), 2, 4, 0.7), log_softmax(table)


def test_equals_the_loop_with_a_language_model(x64):
    logits, mask = draw()
    model, table = table_model()
    found = search(logits, mask=mask, num_best=K, language_model=model, bonus=0.4)
    plain = search(logits, mask=mask, num_best=K)

    def of_model(prefix, end=()):
        read = (model.start, *prefix)
        return sum(table[pair] for pair in zip(read, (*prefix, *end)))

    def score(prefix):
        return 0.7 * of_model(prefix) + 0.4 * len(prefix)

    for row in range(B):
        want = prefix_beam_loop(log_softmax(logits[mask[:, row], row]), K, BLANK, score)
        scores = [
            p + 0.7 * of_model(prefix, (model.end,)) + 0.4 * len(prefix)
            for prefix, p in want
        ]
        order = sorted(range(len(want)), key=lambda n: -scores[n])
        check_same(found_in(found, row), [want[n] for n in order])
        here = slice(len(want)), row
        assert_close(found.scores[here], np.sort(scores)[::-1], 1e-10)
        of_all = [of_model(want[n][0], (model.end,)) for n in order]
        assert_close(found.language_log_probs[here], np.array(of_all), 1e-10)
    assert found_in(found, 0)[0][0] != found_in(plain, 0)[0][0]


def test_a_beam_for_all_prefixes_is_exact(x64):
    logits = draw()[0][:4, :1, :3]
    labels = [
        prefix
        for length in range(5)
        for prefix in itertools.product([0, 1], repeat=length)
    ]
    size = len(labels)
    found = ctc_beam_search(logits, beam_size=size, num_best=size, blank=2)
    prefixes = dict(found_in(found, 0))
    targets = np.zeros((4, size), int)
    target_mask = np.zeros((4, size), bool)
    for n, prefix in enumerate(labels):
        targets[: len(prefix), n], target_mask[: len(prefix), n] = prefix, True
    every = np.broadcast_to(logits, (4, size, 3))
    loss = ctc_loss(every, targets, blank=2, target_mask=target_mask)
    assert set(prefixes) == {p for p, ok in zip(labels, loss.feasible) if ok}
    for prefix, nats, feasible in zip(labels, *loss):
        if feasible:
            assert_close(prefixes[prefix], -nats, 1e-12)
    assert_close(np.sum(np.exp(list(prefixes.values()))), 1.0, 1e-12)


@functools.cache
def recurrent_model():
    layer = stack(embed(3), recurrent(lstm(4)), recurrent(gru(6)), dense(V))
    return LanguageModel(layer, draw_params(layer, V), 2, 1, 0.5)


@functools.cache
def run_whole():
    logits, mask = draw(np.float32)
    return search(logits, mask=mask, num_best=3, language_model=recurrent_model())


@pytest.mark.parametrize("size", [1, 8])
def test_chunks_of_any_size_equal_the_whole(size):
    logits, mask = draw(np.float32)
    carry = None
    for start in range(0, T, size):
        at = slice(start, start + size)
        found = search(
            logits[at],
            mask=mask[at],
            num_best=3,
            language_model=recurrent_model(),
            max_length=T,
            carry=carry,
        )
        carry = found.carry
    check_same_beams(found, run_whole())


def check_same_beams(got, want):
    """The same prefixes; scores may be rounded differently by other programs."""
    for name in ("tokens", "lengths", "cut"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))
    for name in ("scores", "log_probs", "language_log_probs"):
        np.testing.assert_allclose(
            getattr(got, name), getattr(want, name), rtol=1e-6, err_msg=name
        )


def test_the_language_model_reads_what_was_found():
    """Its log-probabilities are those of reading each prefix at once."""
    found, model = run_whole(), recurrent_model()
    for row, n in itertools.product(range(B), range(3)):
        tokens = found.tokens[: found.lengths[n, row], n, row].tolist()
        if found.scores[n, row] == -np.inf:
            continue
        padded = np.zeros(T + 1, int)
        padded[: len(tokens) + 1] = [model.start, *tokens]
        logits = model.layer.apply(model.params, None, padded)[1]
        read = log_softmax(logits)[range(len(tokens) + 1), [*tokens, model.end]]
        assert_close(found.language_log_probs[n, row], read.sum(), 1e-5)
        parts = found.log_probs[n, row] + 0.5 * found.language_log_probs[n, row]
        assert_close(found.scores[n, row], parts, 1e-6)


def test_rows_do_not_depend_on_each_other():
    logits, mask = draw(np.float32)
    run = functools.partial(search, num_best=3, language_model=recurrent_model())
    shaped = run(logits.reshape(T, 2, 2, V), mask=mask.reshape(T, 2, 2))
    alone = run(logits[:, 3], mask=mask[:, 3])
    *parts, carry = shaped
    flat = [x.reshape(*x.shape[:-2], B) for x in parts]
    check_same_beams(CTCBeams(*flat, carry), run_whole())
    *parts, carry = run_whole()
    check_same_beams(alone, CTCBeams(*(x[..., 3] for x in parts), carry))


def test_prefixes_that_cannot_grow_are_told():
    logits = 9 * np.eye(3, dtype=np.float32)[[1, 0, 1, 0, 1]]
    found = ctc_beam_search(logits, beam_size=2, max_length=2)
    assert found.tokens.tolist() == [[1], [1]] and found.cut


def test_without_frames_the_empty_prefix_is_certain():
    found = ctc_beam_search(np.zeros((0, 2, V)), beam_size=3)
    assert found.lengths.tolist() == [[0, 0]] and not found.log_probs.any()


def test_a_beam_of_one_and_labels_that_are_impossible():
    logits = draw(np.float32)[0].copy()
    logits[..., 3] = logits[5, :, :2] = -np.inf
    found = ctc_beam_search(logits, beam_size=1)
    assert np.isfinite(found.scores).all() and not (found.tokens == 3).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beam_size": 0}, "beam_size must be a positive whole number, got 0"),
        ({"num_best": 0}, "num_best must be a positive whole number, got 0"),
        ({"num_best": 7}, "num_best must be at most beam_size = 6, got 7"),
        ({"max_length": 0}, "max_length must be a positive whole number, got 0"),
        ({"blank": V}, "blank must be from 0 to 4, got 5"),
        ({"logits": np.zeros(V)}, r"logits must be \[T, ..., V\], got shape \(5,\)"),
        ({"mask": np.ones((T, 1), bool)}, r"mask must be bool of shape \(24, 4\), got"),
        ({"beam_size": 5}, "carry must be of 4 rows and beam_size = 5, got 4 and 6"),
        ({"max_length": 9}, "max_length must be that of the carry, 24, got 9"),
        (
            {"language_model": LanguageModel(recurrent(gru(5), reverse=True), {}, 0)},
            "language_model must be causal, got a layer without a step",
        ),
        (
            {"language_model": LanguageModel(one_hot(V + 1), {}, 0)},
            r"language_model must return logits of shape \(4, 5\), got \(4, 6\)",
        ),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    arguments = {"logits": draw(np.float32)[0], "beam_size": K, "num_best": 3}
    if message.startswith(("carry", "max_length must be that")):
        arguments["carry"] = jax.tree.map(np.asarray, run_whole().carry)
    with pytest.raises(ValueError, match=message):
        ctc_beam_search(**arguments | changes)
