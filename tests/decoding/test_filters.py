"""Top-k, top-p and min-p against NumPy's sort."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.decoding import keep_min_p, keep_top_k, keep_top_p

ROWS, V = 60, 37


def draw_logits(rng, spread=3.0):
    """Logits of every shape: flat, peaked, with impossible tokens, with ties."""
    logits = rng.normal(size=(ROWS, V)) * rng.uniform(0, spread, (ROWS, 1))
    logits[::5] = np.round(logits[::5]) + 0.0  # no -0, which top_k tells from 0
    logits[::3, rng.integers(V, size=9)] = -np.inf
    return logits.astype(np.float32)


def probabilities(logits):
    scores = np.exp(np.float64(logits) - logits.max(-1, keepdims=True))
    return scores / scores.sum(-1, keepdims=True)


def kept_by_sort(shares, p):
    """Goes down the sorted tokens while those before them sum to less than p."""
    kept = np.zeros(shares.shape, bool)
    for row, own in enumerate(shares):
        for share in np.unique(own)[::-1]:
            if own[own > share].sum() >= p:
                break
            kept[row] |= own == share
    return kept


@pytest.mark.parametrize("p", [1e-6, 0.1, 0.5, 0.9, 0.999])
def test_top_p_equals_a_sort(p):
    logits = draw_logits(np.random.default_rng(0))
    got = np.asarray(jax.jit(keep_top_p)(logits, p))
    shares = np.float32(probabilities(logits))  # ties stay ties
    want = kept_by_sort(shares, p)
    # where rounding decides whether tokens sum to p: nowhere for these p
    possible = logits > -np.inf
    np.testing.assert_array_equal((got > -np.inf)[possible], want[possible])
    np.testing.assert_array_equal(got[want], logits[want])
    assert (got > -np.inf).any(-1).all()


def test_top_p_of_one_keeps_all_that_is_possible():
    logits = draw_logits(np.random.default_rng(1), spread=1.0)
    np.testing.assert_array_equal(keep_top_p(logits, 1.0), logits)


def test_top_p_keeps_the_token_that_crosses_p():
    logits = np.log(np.float32([0.125, 0.5, 0.25, 0.125]))
    for p, kept in [(0.5, 1), (0.51, 2), (0.75, 2), (0.76, 4)]:
        assert (np.asarray(keep_top_p(logits, p)) > -np.inf).sum() == kept


def test_top_p_in_float64(x64):
    logits = np.float64(draw_logits(np.random.default_rng(2)))
    got = keep_top_p(logits, 0.7)
    assert got.dtype == np.float64
    kept = kept_by_sort(probabilities(logits), 0.7)
    np.testing.assert_array_equal(np.asarray(got) > -np.inf, kept)


@pytest.mark.parametrize("k", [1, 4, V - 1, V + 5])
def test_top_k_keeps_exactly_k_the_first_of_equal_ones(k):
    logits = draw_logits(np.random.default_rng(3))
    got = np.asarray(keep_top_k(jnp.asarray(logits), k))
    want = np.full_like(logits, -np.inf)
    order = np.argsort(-logits, axis=-1, kind="stable")[:, :k]
    np.put_along_axis(want, order, np.take_along_axis(logits, order, -1), -1)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("p", [0, 0.03, 0.5, 1])
def test_min_p_is_a_share_of_the_largest(p):
    logits = draw_logits(np.random.default_rng(4))
    got = np.asarray(keep_min_p(jnp.asarray(logits), p))
    shares = np.exp(np.float64(logits) - logits.max(-1, keepdims=True))
    np.testing.assert_array_equal(got, np.where(shares >= p, logits, -np.inf))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: keep_top_p(x, 0), "top_p must be above 0 and at most 1, got 0"),
        (lambda x: keep_top_p(x, 1.5), "top_p must be above 0 and at most 1, got 1.5"),
        (lambda x: keep_top_k(x, 0), "k must be a positive whole number, got 0"),
        (lambda x: keep_min_p(x, -1), "min_p must be from 0 to 1, got -1"),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.zeros(3))
