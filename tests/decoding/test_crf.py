"""Best tags, n best and samples of a conditional random field, against all paths."""

import functools

import jax
import numpy as np
import pytest

from rnnjax.decoding.crf import n_best_tags, sample_tags, viterbi
from rnnjax.losses.chains import ASSOCIATIVE_SCAN, SCAN
from rnnjax.losses.crf import crf
from rnnjax.losses.tag_constraints import tag_constraints
from tests.losses.tag_paths import enumerate_paths
from tests.losses.test_crf import BIO, CASES, MASKS, N, T, all_paths, draw_scores, split


@functools.cache
def decoders(tagger, n):
    def decode(scores, mask):
        arguments = (tagger, *split(scores))
        return viterbi(*arguments, mask), n_best_tags(*arguments, n, mask)

    return jax.jit(jax.vmap(decode))


@pytest.mark.parametrize(("chain", "constraints"), CASES)
def test_best_paths_equal_enumeration(x64, chain, constraints):
    """More are asked for than there are, where masks and constraints leave few."""
    scores = draw_scores(6)
    paths = list(all_paths(scores, MASKS, constraints))
    scores["emissions"][~MASKS] = np.nan
    tagger = crf(N, constraints=constraints, chain=chain)
    best, n_best = jax.tree.map(np.asarray, decoders(tagger, 7)(scores, MASKS))
    for row, own in enumerate(paths):
        order = np.argsort(-own.scores)[:7]
        found = len(order)
        np.testing.assert_array_equal(best.tags[row], own.tags[order[0]])
        np.testing.assert_allclose(best.score[row], own.scores[order[0]], rtol=1e-12)
        np.testing.assert_array_equal(n_best.tags[row][:found], own.tags[order])
        np.testing.assert_allclose(
            n_best.score[row][:found], own.scores[order], rtol=1e-12, atol=1e-12
        )
        assert np.all(n_best.score[row][found:] == -np.inf)


def test_batches_of_two_axes(x64):
    params, emissions = split(draw_scores(7))
    params = {name: x[0] for name, x in params.items()}
    tagger = crf(N)
    batch = np.moveaxis(emissions.reshape(2, 3, T, N), 2, 0)
    masks = np.moveaxis(MASKS.reshape(2, 3, T), 2, 0)
    found = viterbi(tagger, params, batch, masks)
    several = n_best_tags(tagger, params, batch, 2, masks)
    draws = sample_tags(tagger, params, batch, 4, jax.random.key(0), masks)
    assert draws.shape == (4, T, 2, 3) and not np.any(np.asarray(draws)[:, ~masks])
    for row, mask in enumerate(MASKS):
        own = enumerate_paths(params | {"emissions": emissions[row]}, mask)
        i, j = divmod(row, 3)
        best = own.tags[np.argsort(-own.scores)[:2]]
        np.testing.assert_array_equal(found.tags[:, i, j], best[0])
        np.testing.assert_array_equal(several.tags[: len(best), :, i, j], best)


def test_equal_scores_give_different_paths_that_are_allowed(x64):
    """The path of a tie is one of the best, not a mixture of two."""
    scores = jax.tree.map(np.zeros_like, draw_scores(0))
    _, several = decoders(crf(N, constraints=BIO), 7)(scores, MASKS)
    for row, own in enumerate(all_paths(scores, MASKS, BIO)):
        num_found = min(7, len(own.tags))
        found = {tuple(path) for path in np.asarray(several.tags[row, :num_found])}
        assert found <= {tuple(path) for path in own.tags}
        assert len(found) == num_found


def test_samples_follow_the_distribution():
    """Chi-squared over all paths of two masked rows, on one key."""
    constraints = tag_constraints("abc", lambda x, y: (x, y) not in {("a", "b")})
    tagger = crf(N, constraints=constraints)
    masks = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0]], bool)
    params, emissions = split(draw_scores(8))
    params = {name: np.float32(x[0]) for name, x in params.items()}
    emissions = np.float32(emissions[:2])
    num_samples = 4000
    draws = np.asarray(
        sample_tags(
            tagger,
            params,
            np.moveaxis(emissions, 0, 1),
            num_samples,
            jax.random.key(0),
            masks.T,
        )
    )
    for row, (mask, limit) in enumerate(zip(masks, (43.8, 23.5))):
        own = enumerate_paths(params | {"emissions": emissions[row]}, mask, constraints)
        rank = {tuple(path): i for i, path in enumerate(own.tags)}
        counts = np.zeros(len(rank))
        for path in draws[:, :, row]:
            counts[rank[tuple(path)]] += 1  # a forbidden path is not there
        expected = num_samples * own.shares
        rare = expected < 5
        counts = np.append(counts[~rare], counts[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum() + 1e-9)
        assert np.sum((counts - expected) ** 2 / expected) < limit


def test_samples_of_both_scans_are_the_same_and_depend_on_the_key():
    params, emissions = split(draw_scores(9))
    params = {name: np.float32(x[0]) for name, x in params.items()}
    emissions, masks = np.float32(np.moveaxis(emissions, 0, 1)), MASKS.T
    one, other = (
        sample_tags(crf(N, chain=c), params, emissions, 5, jax.random.key(0), masks)
        for c in (SCAN, ASSOCIATIVE_SCAN)
    )
    np.testing.assert_array_equal(one, other)
    fresh = sample_tags(crf(N), params, emissions, 5, jax.random.key(1), masks)
    assert not np.array_equal(one, fresh)
    longer = np.pad(emissions, ((0, 2), (0, 0), (0, 0)), constant_values=np.nan)
    padded = np.pad(masks, ((0, 2), (0, 0)))
    again = sample_tags(crf(N), params, longer, 5, jax.random.key(0), padded)
    np.testing.assert_array_equal(again[:, :T], one)


def test_wrong_arguments_are_refused():
    tagger = crf(N)
    params = tagger.init(jax.random.key(0))
    emissions = np.zeros((T, 2, N))
    with pytest.raises(ValueError, match="n must be a positive whole number, got 0"):
        n_best_tags(tagger, params, emissions, 0)
    with pytest.raises(ValueError, match="num_samples must be a positive whole number"):
        sample_tags(tagger, params, emissions, 0, jax.random.key(0))
    with pytest.raises(ValueError, match=r"emissions must be \[T, ..., 3\], got"):
        viterbi(tagger, params, np.zeros((T, 2, N + 1)))
    with pytest.raises(ValueError, match=r"mask must be bool of shape \(5, 2\), got"):
        viterbi(tagger, params, emissions, np.ones((2, T), bool))
