"""What is skipped, when it stops, and that neighbours are not affected."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rnnjax.optimizers import clip_by_norm, raise_if_stopped, skip_nonfinite, skip_state
from tests.pytrees import assert_close, assert_same_bits
from tests.refusals import refuses

INNER = optax.chain(clip_by_norm(1.0), optax.adam(0.1))
GUARDED = skip_nonfinite(INNER, max_skips=3)


def follow(optimizer, params, grads):
    """Returns the parameters after every update and the last state."""

    def body(carry, grad):
        params, state = carry
        updates, state = optimizer.update(grad, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    (_, state), all_params = jax.lax.scan(body, (params, optimizer.init(params)), grads)
    return all_params, state


def draw(num_updates, seed=0):
    rng = np.random.default_rng(seed)
    params = jnp.asarray(rng.normal(size=4), jnp.float32)
    return params, rng.normal(size=(num_updates, 4)).astype(np.float32)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_skipped_as_if_it_had_not_been(value):
    params, grads = draw(9)
    bad = np.array([False, True, False, True, True, False, False, True, False])
    grads[bad, 2] = value
    got, state = jax.jit(lambda *args: follow(GUARDED, *args))(params, grads)
    want, inner = jax.jit(lambda *args: follow(INNER, *args))(params, grads[~bad])
    assert_close(got[~bad], want, 1e-6)
    assert_close(state.inner, inner, 1e-6)
    assert_same_bits(got[bad], np.concatenate([params[None], got])[:-1][bad])
    assert skip_state(state).skipped == 4 and skip_state(state).in_a_row == 0
    raise_if_stopped(state)


def test_it_stops_and_never_applies_one():
    params, grads = draw(12)
    grads[2] = grads[5:9] = np.nan  # a single one, then more than allowed
    got, state = follow(GUARDED, params, grads)
    assert np.isfinite(got).all()
    # later ones are not applied either, though they are good
    assert_same_bits(got[5:], np.repeat(got[4:5], 7, axis=0))
    assert state.stopped and state.skipped == 4 and state.in_a_row == 3
    with pytest.raises(FloatingPointError, match="3 times in a row, 4 times in all"):
        raise_if_stopped(state)


def test_an_optimizer_that_overflows_is_skipped_too():
    """The squares of these finite gradients would stay Inf in Adam's averages."""
    params, grads = draw(3)
    grads[1] = 1e30
    optimizer = skip_nonfinite(optax.adam(0.1), max_skips=2)
    got, state = follow(optimizer, params, grads)
    assert_same_bits(got[1], got[0])
    assert state.skipped == 1
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(state))


def test_a_member_that_diverges_leaves_its_neighbours_as_they_are():
    params, grads = draw(8)
    stacked = jnp.stack([params, 2 * params, 3 * params])
    all_grads = np.stack([grads, grads[::-1], 2 * grads], axis=1)
    vmapped = optax.GradientTransformation(*map(jax.vmap, GUARDED))
    run = jax.jit(lambda p, g: follow(vmapped, p, g))
    want, _ = run(stacked, all_grads)
    all_grads[3:, 1] = np.nan
    got, state = run(stacked, all_grads)
    assert_same_bits(got[:, [0, 2]], want[:, [0, 2]])
    assert_same_bits(got[3:, 1], np.repeat(got[2:3, 1], 5, axis=0))
    np.testing.assert_array_equal(state.stopped, [False, True, False])


test_bad_arguments_are_refused = refuses(
    (lambda: skip_nonfinite(INNER, max_skips=0), "max_skips must be a positive whole"),
    (skip_state, INNER.init(jnp.ones(3)), "must hold one SkipState, got 0 of them"),
)
