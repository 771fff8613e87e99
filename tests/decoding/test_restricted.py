"""Beam search under constraints, prefixes and coverage, in groups, with attention."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import dense, embed, lstm, recurrent, stack
from rnnjax.attention import Memory, additive, attend_after, beside_weights, bind_memory
from rnnjax.base import cached
from rnnjax.decoding import (
    beam_search,
    block_repeats,
    coverage_penalty,
    least_length,
    length_penalty,
)
from rnnjax.decoding.limits import Options
from rnnjax.decoding.search import search
from rnnjax.layers import causal_layer
from tests.decoding.loops import beam_loop, log_softmax
from tests.decoding.models import draw_params, draw_trees, tree_layer
from tests.decoding.test_beam_search import next_in_tree, sequences_of

V, L, END, B = 5, 6, 4, 8
TABLES = draw_trees(5, (B,), V, L, end_logits=np.linspace(-3, 2, B))
PROMPT = np.zeros((1, B), int)


def search_trees(**options):
    options = {"beam_size": 3, "end": END, "num_best": 2} | options
    return beam_search(tree_layer(V), TABLES, PROMPT, L, **options)


def equals_loop(found, allow):
    """Compares with a loop in which `allow(row, tokens, token)` says what may come."""
    for row in range(B):

        def follow(tokens, row=row):
            log_probs = next_in_tree(TABLES[row], 0, tokens)
            allowed = [allow(row, tokens, token) for token in range(V)]
            return np.where(allowed, log_probs, -np.inf)

        want = beam_loop(follow, L, 3, END, lambda n: 1.0, 2)
        assert sequences_of(found, (row,))[: len(want)] == [own for *_, own in want]
        np.testing.assert_allclose(
            found.scores[: len(want), row], [own[0] for own in want], 1e-5
        )
        assert np.isneginf(found.scores[len(want) :, row]).all()
        assert (found.lengths[len(want) :, row] == 0).all()


def test_an_unrestricted_search_equals_the_loop():
    equals_loop(search_trees(), lambda row, tokens, token: True)


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        (1, {0, 1, 2, 3, END}),
        (2, {0, 3, END}),
        pytest.param(3, {1, 3}, marks=pytest.mark.slow),
    ],
)
def test_no_sequence_of_tokens_is_repeated(size, tokens):
    """With a size of 1 it is a pointer that takes nothing twice."""

    def allow(row, before, token):
        said = [before[i : i + size] for i in range(len(before) - size + 1)]
        return token in tokens and (*before, token)[-size:] not in said

    vocabulary = np.isin(np.arange(V), list(tokens))
    found = search_trees(vocabulary=vocabulary, constraints=[block_repeats(size)])
    equals_loop(found, allow)
    plain = search_trees(vocabulary=vocabulary)
    assert not np.array_equal(plain.tokens, found.tokens)


def test_no_sequence_ends_before_its_least_length():
    found = search_trees(constraints=[least_length(4, END)])
    equals_loop(found, lambda row, tokens, token: token != END or len(tokens) >= 3)
    assert found.lengths.min() == 4


def test_each_row_has_a_vocabulary():
    vocabulary = np.random.default_rng(0).random((B, V)) < 0.6
    vocabulary[:, 1] = True
    found = search_trees(vocabulary=vocabulary)
    equals_loop(found, lambda row, tokens, token: vocabulary[row, token])


def test_rows_begin_with_prefixes_of_unequal_lengths():
    """Whatever the constraints say; row 3 has a gap, where any token may come."""
    prefix = np.random.default_rng(1).integers(V - 1, size=(3, B))
    prefix[2, 1] = prefix[1:, 2] = prefix[1, 3] = prefix[:, 4] = -1
    prefix[2, 5] = prefix[1, 5]
    found = search_trees(prefix=prefix, constraints=[block_repeats(1)])

    def allow(row, tokens, token):
        step = len(tokens)
        if step < 3 and prefix[step, row] >= 0:
            return token == prefix[step, row]
        return token not in tokens

    equals_loop(found, allow)
    for row in range(B):
        for tokens in sequences_of(found, (row,)):
            for token, forced in zip(tokens, prefix[:, row]):
                assert forced in (-1, token)


def test_a_prefix_has_its_log_probability():
    """A whole sequence is forced: its score is that of the model."""
    tokens = (2, 0, 3, 1, 1, END)
    found = search_trees(prefix=np.repeat(np.array(tokens)[:, None], B, 1))
    for row in range(B):
        want = sum(
            next_in_tree(TABLES[row], 0, tokens[:t])[token]
            for t, token in enumerate(tokens)
        )
        np.testing.assert_allclose(found.log_probs[0, row], want, 1e-5)
        assert sequences_of(found, (row,)) == [tokens, ()]


def test_any_of_several_ends_ends():
    found = search_trees(end=(END, 2))
    for row in range(B):
        for tokens in sequences_of(found, (row,)):
            assert not {END, 2} & set(tokens[:-1])
    ends = {own[-1] for row in range(B) for own in sequences_of(found, (row,))}
    assert {END, 2} <= ends


def test_groups_avoid_what_earlier_groups_chose():
    """Against a loop over the groups, each of two beams."""
    strength = 0.7
    found = search_trees(beam_size=6, num_groups=3, num_best=1, diversity=strength)
    for row in range(B):
        want = diverse_loop(TABLES[row], strength, num_groups=3, size=2)
        assert sequences_of(found, (row,)) == [own for _, own in want]
        np.testing.assert_allclose(found.scores[:, row], [own[0] for own in want], 1e-5)
    first = search_trees(beam_size=2, num_best=1)
    np.testing.assert_array_equal(found.tokens[:, 0], first.tokens[:, 0])
    assert not np.array_equal(found.tokens[:, 1], first.tokens[:, 0])


def diverse_loop(table, strength, num_groups, size):
    live = [[(0.0, ())] for _ in range(num_groups)]
    ended = [[] for _ in range(num_groups)]
    for _ in range(L):
        taken = np.zeros(V)
        for group in range(num_groups):
            continued = [
                (total + log_prob, (*tokens, token))
                for total, tokens in live[group]
                for token, log_prob in enumerate(next_in_tree(table, 0, tokens))
            ]
            continued.sort(key=lambda own: strength * taken[own[1][-1]] - own[0])  # noqa: B023
            for _, tokens in continued[:size]:
                taken[tokens[-1]] += 1
            ended[group] += [own for own in continued[:size] if own[1][-1] == END]
            live[group] = [own for own in continued[:size] if own[1][-1] != END]
    return [max(ended[group] + live[group]) for group in range(num_groups)]


@cached
def attending(vocab_size):
    """Reads rows of a memory `[S, B, D]` by the dot product with the last tokens."""

    def initial_carry(params, batch_shape=()):
        size = params["embedding"].shape[-1]
        return {"h": jnp.zeros((*batch_shape, size)), "clock": jnp.zeros((), int)}

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del mask, is_first, key
        carry = initial_carry(params, inputs.shape[1:]) if carry is None else carry
        h = carry["h"]
        shown = []
        for tokens in inputs:
            h = jnp.tanh(0.5 * h + params["embedding"][tokens])
            energies = jnp.einsum("...d,s...d->...s", h, params["memory"])
            energies = jnp.where(params["mask"], energies, -jnp.inf)
            weights = jax.nn.softmax(energies)
            glimpse = jnp.einsum("...s,s...d->...d", weights, params["memory"])
            shown.append({"outputs": glimpse @ params["kernel"], "weights": weights})
        carry = {"h": h, "clock": carry["clock"] + len(inputs)}
        return carry, jax.tree.map(lambda *x: jnp.stack(x), *shown)

    def init(key, input_size):
        raise NotImplementedError

    return causal_layer(init, initial_carry, apply, input_ndim=0)


S, D, ROWS, BEAMS = 17, 13, 4, 3
MEMORY_MASK = np.arange(S) < np.array([17, 9, 2, 12])[:, None]


def attending_params():
    rng = np.random.default_rng(2)
    memory = rng.normal(size=(S, ROWS, D))
    memory[~MEMORY_MASK.T] = 7.0  # padding
    return {
        "embedding": np.float32(2 * rng.normal(size=(V, D))),
        "memory": np.float32(memory),
        "mask": MEMORY_MASK,
        "kernel": np.float32(rng.normal(size=(D, V))),
    }


def search_attending(params, prompt, memory_mask, coverage):
    return beam_search(
        attending(V), params, prompt, L, beam_size=BEAMS, end=END, num_best=2,
        coverage=coverage, memory_mask=memory_mask, penalty=length_penalty(0.8),
    )  # fmt: skip


def test_coverage_counts_the_real_positions_alone():
    params, penalty = attending_params(), coverage_penalty(0.4)
    prompt = np.zeros((1, ROWS), int)
    found = search_attending(params, prompt, MEMORY_MASK.T, penalty)
    apply = jax.jit(attending(V).apply)
    for n in range(2):
        tokens, lengths = np.asarray(found.tokens[:, n]), np.asarray(found.lengths[n])
        _, shown = apply(params, None, np.concatenate([prompt, tokens[:-1]]))
        for row, length in enumerate(lengths):
            spoken = zip(shown["outputs"][:length, row], tokens[:length, row])
            log_prob = sum(log_softmax(logits)[token] for logits, token in spoken)
            covered = np.asarray(shown["weights"])[:length, row].sum(axis=0)
            term = np.log(np.clip(covered[MEMORY_MASK[row]], 1e-3, 1)).sum()
            want = log_prob / length**0.8 + 0.4 * term
            np.testing.assert_allclose(found.scores[n, row], want, 1e-5)
    assert (np.diff(found.scores, axis=0) <= 0).all()
    plain = search_attending(params, prompt, None, None)
    assert not np.array_equal(plain.tokens, found.tokens)


def test_a_head_beside_the_weights_serves_the_coverage():
    """The scores are those of the logits alone and a term by the weights shown."""
    cell = attend_after(lstm(5), additive(6), D, output_size=7, show_weights=True)
    layer = stack(embed(4), recurrent(cell), beside_weights(dense(V)))
    plain, bound = attentive_decoder()
    memory_mask, penalty = MEMORY_MASK.T, coverage_penalty(0.4)
    prompt = np.zeros((1, ROWS), int)
    found = beam_search(
        layer, bound, prompt, L, beam_size=BEAMS, end=END, coverage=penalty,
        memory_mask=memory_mask, penalty=length_penalty(0.8),
    )  # fmt: skip
    tokens, lengths = np.asarray(found.tokens[:, 0]), np.asarray(found.lengths[0])
    read = np.concatenate([prompt, tokens[:-1]])
    _, shown = jax.jit(layer.apply)(bound, None, read)
    _, logits = jax.jit(plain.apply)(bound, None, read)
    np.testing.assert_array_equal(shown["outputs"], logits)
    for row, length in enumerate(lengths):
        covered = np.asarray(shown["weights"])[:length, row].sum(axis=0)
        term = np.log(np.clip(covered[MEMORY_MASK[row]], 1e-3, 1)).sum()
        want = found.log_probs[0, row] / length**0.8 + 0.4 * term
        np.testing.assert_allclose(found.scores[0, row], want, 1e-5)


def test_padding_of_the_memory_changes_nothing():
    """Each row alone, with the real rows of its memory only."""
    params, penalty = attending_params(), coverage_penalty(0.4)
    prompt = np.arange(ROWS)[None]
    found = search_attending(params, prompt, MEMORY_MASK.T, penalty)
    for row in (1, 2):
        real = MEMORY_MASK[row]
        own = params | {"memory": params["memory"][real, row], "mask": real[real]}
        alone = search_attending(own, prompt[:, row], None, penalty)
        np.testing.assert_array_equal(alone.tokens, found.tokens[..., row])
        np.testing.assert_allclose(alone.scores, found.scores[:, row], 1e-5)


def attentive_decoder():
    """An LSTM with additive attention and input feeding, and a memory for each row."""
    cell = attend_after(lstm(5), additive(6), D, output_size=7)
    layer = stack(embed(4), recurrent(cell), dense(V))
    params = draw_params(layer, V)
    values = attending_params()["memory"]
    return layer, bind_memory(params, Memory(values, MEMORY_MASK.T))


def test_the_memory_is_shared_by_the_beams():
    """No array of the compiled program is as large as a memory per beam."""
    layer, params = attentive_decoder()
    options = Options(L, BEAMS, 1, 0.0, 2, (END,), length_penalty(0.8), (), None)
    prompt, prefix = jnp.zeros((1, ROWS), int), jnp.full((L, ROWS), -1)
    arguments = params, prompt, None, None, prefix, None, None
    run = jax.jit(functools.partial(search, layer, options))
    text = run.lower(*arguments).compile().as_text()
    sizes = {
        int(np.prod([int(n) for n in shape.split(",")]))
        for shape in re.findall(r"f32\[([\d,]+)\]", text)
    }
    assert S * ROWS * D in sizes
    assert max(sizes) < BEAMS * S * ROWS * D


def test_a_row_of_an_attentive_decoder_equals_that_row_alone():
    layer, params = attentive_decoder()
    search_rows = functools.partial(
        beam_search, layer, num_steps=L, beam_size=BEAMS, end=END, num_best=2
    )
    prompt = np.arange(ROWS)[None]
    found = search_rows(params=params, prompt=prompt)
    values = attending_params()["memory"][MEMORY_MASK[1], 1]
    own = search_rows(params=bind_memory(params, Memory(values)), prompt=prompt[:, 1])
    np.testing.assert_array_equal(own.tokens, found.tokens[..., 1])
    np.testing.assert_allclose(own.scores, found.scores[:, 1], 1e-5)
    assert len(np.unique(found.tokens[:, 0], axis=1)) > 1
