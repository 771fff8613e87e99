"""The laws of semirings, their derivatives where a weight is zero, and both scans."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.losses.lattices import (
    forward_by_associative_scan,
    forward_by_scan,
    vector_matrix,
)
from rnnjax.losses.semirings import (
    COUNTING,
    ENTROPY,
    LOG,
    MAX,
    Expectation,
    k_best,
    log_sum,
    max_sum,
)

SEMIRINGS = {
    "log": LOG,
    "max": MAX,
    "counting": COUNTING,
    "entropy": ENTROPY,
    "2 best": k_best(2),
}
every_semiring = pytest.mark.parametrize(
    "semiring", SEMIRINGS.values(), ids=SEMIRINGS.keys()
)
INF = np.inf


def assert_same(x, y, tolerance=1e-12):
    for own, other in zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True):
        np.testing.assert_allclose(own, other, rtol=tolerance, atol=tolerance)


@every_semiring
def test_laws(x64, semiring):
    """On sums and products of scores, so that elements are not only lifted ones."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(6, 5))
    scores[0, 1] = scores[3, 1] = scores[1, 2] = scores[4, 2] = scores[2, 3] = -INF
    add, multiply = semiring.add, semiring.multiply

    @jax.jit
    def both_sides(scores):
        lifted = [semiring.lift(own) for own in scores]
        x, y, z = (add(*pair) for pair in zip(lifted[:3], lifted[3:]))
        zero, one = (make((5,), scores.dtype) for make in (semiring.zero, semiring.one))
        three = jax.tree.map(lambda *own: jnp.stack(own, -2), x, y, z)
        return [
            (add(add(x, y), z), add(x, add(y, z))),
            (multiply(multiply(x, y), z), multiply(x, multiply(y, z))),
            (multiply(x, add(y, z)), add(multiply(x, y), multiply(x, z))),
            (multiply(add(x, y), z), add(multiply(x, z), multiply(y, z))),
            (add(x, y), add(y, x)),
            (add(x, zero), x),
            (multiply(x, one), x),
            (multiply(one, x), x),
            (multiply(x, zero), zero),
            (semiring.sum(three, -2), add(add(x, y), z)),
        ]

    for left, right in both_sides(scores):
        assert_same(left, right)


def test_expected_value_is_a_mean_by_weights(x64):
    rng = np.random.default_rng(1)
    weights, values = rng.normal(size=(2, 4))
    total = ENTROPY.sum(Expectation(jnp.array(weights), jnp.array(values)), -1)
    shares = np.exp(weights) / np.exp(weights).sum()
    assert_same(total, Expectation(np.log(np.exp(weights).sum()), shares @ values))


def test_derivatives_where_scores_are_minus_infinity(x64):
    """Of columns with a finite score, and of one without: softmax, or zeros."""
    x = np.array([[0.3, -INF, -INF], [-INF, -INF, 2.0], [-1.2, -INF, 2.0]])
    shares = np.exp(x - np.maximum(x.max(0), -1e300))
    shares /= np.maximum(shares.sum(0), 1e-300)

    @jax.jit
    def derivatives(x):
        return [
            (
                function(x),
                jax.jacrev(function)(x),
                jax.jacfwd(function)(x),
                jax.jacfwd(jax.jacrev(function))(x),
                jax.jacrev(jax.jacrev(function))(x),
            )
            for function in (
                functools.partial(own, axis=0) for own in (log_sum, max_sum)
            )
        ]

    of_log, of_max = derivatives(x)
    columns = np.eye(3)
    for found, first, value in (
        (of_log, shares, np.log(np.exp(x[:, [0, 2]]).sum(0))),
        (of_max, np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0]]), [0.3, 2.0]),
    ):
        assert_same(found[0], np.array([value[0], -INF, value[1]]))
        want = columns[:, None, :] * first
        assert_same(found[1], want)
        assert_same(found[2], want)
    curvature = shares[:, None] * np.eye(3)[..., None] - shares[:, None] * shares
    for second in of_log[3:]:
        assert_same(np.einsum("jajbj->abj", np.asarray(second)), curvature)
    assert_same(of_max[3], np.zeros((3, 3, 3, 3, 3)))


def test_the_derivative_of_equal_maxima_is_that_of_the_first():
    gradient = jax.grad(lambda x: max_sum(x, -1))(jnp.array([1.0, 3.0, 3.0]))
    np.testing.assert_array_equal(gradient, [0, 1, 0])


@every_semiring
def test_both_scans_agree_over_any_mask(x64, semiring):
    rng = np.random.default_rng(2)
    matrices = rng.normal(size=(4, 3, 3, 2))
    matrices[1, 1, :, 0] = matrices[2, :, 0, 1] = matrices[3] = -INF
    matrices[3, 0, 2] = 0.5
    start = rng.normal(size=(3, 2))
    mask = np.array([[1, 0], [1, 1], [0, 1], [1, 0]], bool)
    matrices = np.where(mask[:, None, None], matrices, 1e3)

    @jax.jit
    def run(start, matrices):
        def step(vector, matrix):
            return vector_matrix(semiring, vector, semiring.lift(matrix), 1)

        first = semiring.lift(start)
        found = forward_by_scan(semiring, step, first, matrices, mask)
        other = forward_by_associative_scan(semiring, start, matrices, mask)
        totals = [
            semiring.multiply(last, semiring.lift(factor[None]))
            for last, _, factor in (found, other)
        ]
        return totals, (found[1], other[1])

    (last, at_once), (vectors, all_at_once) = run(start, matrices)
    assert_same(last, at_once)
    if semiring is COUNTING:
        assert_same(vectors, all_at_once)
    if semiring is LOG:
        assert_same(*(jax.nn.softmax(x, axis=1) for x in (vectors, all_at_once)))
        row = np.exp(start[:, 1])
        for step in np.flatnonzero(mask[:, 1]):
            row = row @ np.exp(matrices[step, :, :, 1])
        assert_same(np.exp(last[:, 1]), row)


def test_k_must_be_positive():
    with pytest.raises(ValueError, match="k must be a positive whole number, got 0"):
        k_best(0)
