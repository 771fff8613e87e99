"""Beam search against enumeration, greedy decoding and a loop that never stops early.

The models are tables of what follows every history, drawn at random, so nothing but the
search decides. End symbols are biased row by row: sequences differ in length.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.decoding import (
    beam_search,
    gnmt_penalty,
    length_penalty,
    no_penalty,
)
from rnnjax.masking import lengths_to_mask
from tests.decoding.loops import all_sequences, beam_loop, log_prob_in_tree, log_softmax
from tests.decoding.models import (
    draw_params,
    draw_trees,
    recurrent_models,
    tree_layer,
)

PENALTIES = {
    "none": (no_penalty, lambda n: 1.0),
    "length": (length_penalty(1.0), lambda n: n),
    "gnmt": (gnmt_penalty(0.7), lambda n: ((5 + n) / 6) ** 0.7),
}
of_every_penalty = pytest.mark.parametrize("name", PENALTIES)


def sequences_of(beams, row):
    """Returns the hypotheses of a row as tuples of tokens."""
    tokens, lengths = np.asarray(beams.tokens), np.asarray(beams.lengths)
    return [
        tuple(tokens[: lengths[n, *row], n, *row].tolist()) for n in range(len(lengths))
    ]


@of_every_penalty
def test_a_beam_that_holds_everything_equals_enumeration(name):
    V, L, ROWS, END = 4, 4, 6, 3
    penalty, divisor = PENALTIES[name]
    tables = draw_trees(0, (ROWS,), V, L, end_logits=np.linspace(-2.5, 1.5, ROWS))
    prompt = np.arange(ROWS)[None] % 3
    found = beam_search(
        tree_layer(V), tables, prompt, L, beam_size=V**L, end=END, penalty=penalty,
        num_best=5,
    )  # fmt: skip
    lengths = set()
    for row in range(ROWS):
        every = []
        for tokens in all_sequences(V, END, L):
            log_prob = log_prob_in_tree(tables[row], prompt[0, row], tokens)
            every.append((log_prob / divisor(len(tokens)), log_prob, tokens))
        best = sorted(every, reverse=True)[:5]
        assert sequences_of(found, (row,)) == [tokens for _, _, tokens in best]
        np.testing.assert_allclose(found.scores[:, row], [b[0] for b in best], 1e-5)
        np.testing.assert_allclose(found.log_probs[:, row], [b[1] for b in best], 1e-5)
        lengths |= {len(tokens) for _, _, tokens in best}
    assert lengths == {1, 2, 3, 4}


def greedy_in_tree(table, prompt, end, num_steps):
    node, tokens = prompt + 1, []
    while len(tokens) < num_steps and end not in tokens:
        tokens.append(int(np.argmax(table[node])))
        node = node * table.shape[-1] + tokens[-1] + 1
    return tuple(tokens)


@of_every_penalty
def test_a_beam_of_one_is_greedy(name):
    """On 400 random models; an end among the second best would win on many of them."""
    V, L, ROWS = 5, 4, 400
    tables = draw_trees(1, (ROWS,), V, L, end_logits=0.5)
    found = beam_search(
        tree_layer(V), tables, np.zeros((1, ROWS), int), L, beam_size=1, end=V - 1,
        penalty=PENALTIES[name][0],
    )  # fmt: skip
    want = [greedy_in_tree(table, 0, V - 1, L) for table in tables]
    assert [sequences_of(found, (row,))[0] for row in range(ROWS)] == want
    assert {len(tokens) for tokens in want} == {1, 2, 3, 4}


V, L, END, BEAM, BEST = 5, 6, 4, 3, 2
SHAPE = (7, 3)


@functools.cache
def searched(name):
    """Trees of 7 by 3 rows, of which those with likely ends are finished early."""
    tables = draw_trees(
        2, SHAPE, V, L, end_logits=np.linspace(-3, 4, 21).reshape(SHAPE)
    )
    prompt = np.random.default_rng(3).integers(V, size=(1, *SHAPE))
    found = search_trees(tables, prompt, penalty=PENALTIES[name][0])
    return tables, prompt, jax.device_get(found)


def search_trees(tables, prompt, **options):
    options = {"beam_size": BEAM, "end": END, "num_best": BEST} | options
    return beam_search(tree_layer(V), tables, prompt, L, **options)


def next_in_tree(table, prompt, tokens):
    node = prompt + 1
    for token in tokens:
        node = node * V + token + 1
    return log_softmax(table[node])


@of_every_penalty
def test_the_stop_is_exact(name):
    """Equals the loop, which runs to the end; some rows are closed and some cut."""
    tables, prompt, found = searched(name)
    for row in np.ndindex(SHAPE):
        follow = functools.partial(next_in_tree, tables[row], prompt[0, *row])
        want = beam_loop(follow, L, BEAM, END, PENALTIES[name][1], BEST)
        assert sequences_of(found, row) == [tokens for _, _, tokens in want]
        np.testing.assert_allclose(found.scores[:, *row], [w[0] for w in want], 1e-5)
    is_cut = [
        any(END not in own for own in sequences_of(found, row))
        for row in np.ndindex(SHAPE)
    ]
    np.testing.assert_array_equal(found.closed.ravel(), ~np.array(is_cut))
    assert (found.bounds <= found.scores[-1])[found.closed].all()
    assert 3 < found.closed.sum() < 18
    assert len(np.unique(found.lengths)) >= 4


@pytest.mark.parametrize(
    "dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.slow)]
)
def test_scores_have_the_dtype_of_the_logits(x64, dtype):
    tables, prompt, found = searched("length")
    got = search_trees(tables.astype(dtype), prompt, penalty=length_penalty(1.0))
    np.testing.assert_array_equal(got.tokens, found.tokens)
    for own in (got.scores, got.log_probs, got.bounds):
        assert own.dtype == dtype
    np.testing.assert_allclose(got.scores, found.scores, 1e-5)


def test_a_closed_batch_stops_early():
    tables, prompt, found = searched("length")
    likely = search_trees(tables[-2:], prompt[:, -2:])
    assert found.num_run == L and likely.closed.all() and likely.num_run < L


def test_any_batch_equals_alone():
    tables, prompt, found = searched("length")
    search = functools.partial(search_trees, penalty=length_penalty(1.0))
    flat = search(tables.reshape(21, *tables.shape[2:]), prompt.reshape(1, 21))
    for row in [(0, 0), (6, 2), (3, 1)]:
        alone = search(tables[row], prompt[:, *row])
        for name in ("tokens", "lengths", "scores", "log_probs", "closed", "bounds"):
            own, together, of_flat = (
                np.asarray(getattr(x, name)) for x in (alone, found, flat)
            )
            np.testing.assert_array_equal(own, together[..., *row], name)
            np.testing.assert_array_equal(own, of_flat[..., row[0] * 3 + row[1]], name)


def test_a_row_without_a_prompt_has_no_hypothesis():
    tables, prompt, found = searched("none")
    mask = np.arange(21).reshape(1, *SHAPE) % 5 > 0
    got = search_trees(tables, prompt, mask=mask)
    real = mask[0]
    np.testing.assert_array_equal(got.tokens[..., real], found.tokens[..., real])
    assert (got.lengths[:, ~real] == 0).all() and got.closed[~real].all()
    assert np.isneginf(got.scores[:, ~real]).all() and (~real).sum() == 5


@pytest.mark.parametrize("name", ["lstm", "dilated_dropout"])
def test_scores_equal_teacher_forced_ones(name):
    """For prompts of unequal lengths, and a carry handed on from an earlier chunk."""
    V, B, L = 9, 4, 7
    layer = recurrent_models(V)[name]
    params = draw_params(layer, V)
    rng = np.random.default_rng(0)
    earlier, prompt = rng.integers(V, size=(2, 3, B))
    mask = lengths_to_mask(jnp.array([3, 1, 2, 3]), 3)
    carry, _ = layer.apply(params, None, earlier)
    found = beam_search(
        layer, params, prompt, L, beam_size=4, num_best=3, end=0, carry=carry,
        mask=mask, penalty=gnmt_penalty(0.9),
    )  # fmt: skip
    apply = jax.jit(layer.apply)
    for n in range(3):
        tokens, lengths = found.tokens[:, n], found.lengths[n]
        read = np.concatenate([prompt, tokens])
        is_read = np.concatenate([mask, lengths_to_mask(lengths, L)])
        _, logits = apply(params, carry, read, mask=is_read)
        total = np.zeros(B)
        for row in range(B):
            before = [t for t in range(len(read)) if is_read[t, row]]
            for t in range(lengths[row]):
                place = before[int(mask[:, row].sum()) + t - 1]
                total[row] += log_softmax(logits[place, row])[tokens[t, row]]
        np.testing.assert_allclose(found.log_probs[n], total, 1e-5, 1e-5)
        divisor = ((5 + np.asarray(lengths)) / 6) ** 0.9
        np.testing.assert_allclose(found.scores[n], total / divisor, 1e-5, 1e-5)
    assert len(np.unique(found.lengths)) > 1
    assert (np.diff(found.scores, axis=0) <= 0).all()
