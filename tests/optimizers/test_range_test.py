"""The range test finds the known limits of simple trainings."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from rnnjax.optimizers import clip_by_norm, range_test
from tests.refusals import refuses


def descend(rate):
    """Descends on 3 w² / 2, which is stable below a rate of 2 / 3."""

    def body(w, _):
        return w - rate * 3 * w, 1.5 * w**2

    return jax.lax.scan(body, 1.0, length=40)[1]


def test_the_highest_stable_rate_is_chosen():
    rates = jnp.array([0.1, 0.4, 0.66, 0.68, 0.9, 5.0])
    got = jax.jit(lambda rates: range_test(descend, rates))(rates)
    assert got.chosen == rates[2]
    np.testing.assert_array_equal(got.stable, [True] * 3 + [False] * 3)


def test_the_highest_stable_threshold_is_chosen():
    """Descends on w⁴ from 10 at a rate of 0.1; a step past -10 oscillates forever."""
    thresholds = np.array([1.0, 5.0, 20.0, 300.0, 1e4])

    def train(threshold):
        optimizer = optax.chain(clip_by_norm(threshold), optax.sgd(0.1))

        def body(carry, _):
            w, state = carry
            loss, grad = jax.value_and_grad(lambda w: w**4)(w)
            updates, state = optimizer.update(grad, state, w)
            return (optax.apply_updates(w, updates), state), loss

        start = jnp.array(10.0)
        return jax.lax.scan(body, (start, optimizer.init(start)), length=60)[1]

    def in_numpy(threshold):
        w, losses = 10.0, []
        for _ in range(60):
            losses.append(w**4)
            w -= 0.1 * np.clip(4 * w**3, -threshold, threshold)
        means = np.reshape(losses, (-1, 5)).mean(axis=1)
        lowest = np.minimum.accumulate([losses[0], *means])
        return (means <= 2 * lowest[:-1]).all()

    want = [in_numpy(threshold) for threshold in thresholds]
    assert want[0] and not want[-1]
    got = range_test(train, thresholds, window=5)
    np.testing.assert_array_equal(got.stable, want)
    assert got.chosen == thresholds[want.index(False) - 1]


def test_nothing_above_an_unstable_one_is_chosen():
    def train(value):
        bad = (value == 3.0) & (jnp.arange(20) == 15)
        return jnp.where(bad, jnp.nan, 1.0)

    got = range_test(train, jnp.array([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(got.stable, [True, True, False, True])
    assert got.chosen == 2
    assert np.isnan(range_test(train, jnp.array([3.0, 4.0])).chosen)


def search(*candidates, **options):
    return range_test(descend, jnp.array(candidates), **options)


test_bad_arguments_are_refused = refuses(
    *(
        (search, *candidates, "candidates must be positive and ascending")
        for candidates in ((0.0, 1.0), (-1.0, 1.0), (2.0, 1.0))
    ),
    (lambda: search(0.1, window=0), "window must be a positive whole number"),
    (lambda: search(0.1, max_rise=0.0), "max_rise must be positive, got 0.0."),
    (lambda: search(0.1, window=60), "at least 60 losses, a window, got 40."),
)
