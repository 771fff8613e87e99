"""Non-monotonically triggered averaging against the paper's algorithm on lists."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rnnjax import optimizers

PATIENCE, EVERY, NUM_UPDATES, RATE = 2, 3, 40, 0.3


def by_the_paper(params, grads, losses):
    """Runs algorithm 1; yields the parameters to evaluate after each update."""
    logs, trigger, past = [], None, []
    for k in range(NUM_UPDATES):
        if k % EVERY == 0 and trigger is None:
            loss = losses[k // EVERY]
            t = len(logs)
            if t > PATIENCE and loss > min(logs[: t - PATIENCE]):
                trigger = k
            logs.append(loss)
        params = params - RATE * grads[k]
        past.append(params)
        yield params if trigger is None else np.mean(past[trigger:], axis=0)


@functools.partial(jax.jit, static_argnums=0)
def one_update(optimizer, params, state, grad, loss, is_validation):
    recorded = optimizers.record_validation(state, loss)
    state = jax.tree.map(lambda x, y: jnp.where(is_validation, x, y), recorded, state)
    updates, state = optimizer.update(grad, state, params)
    params = optax.apply_updates(params, updates)
    return params, state, optimizers.averaged_params(state, params)


@pytest.mark.parametrize("seed", range(4))
def test_averages_are_the_papers(seed, x64):
    rng = np.random.default_rng(seed)
    grads = rng.normal(size=(NUM_UPDATES, 4))
    losses = np.exp(-np.arange(NUM_UPDATES) / 4) + rng.normal(size=NUM_UPDATES) / 8
    params = rng.normal(size=4)
    want = list(by_the_paper(params, grads, losses))
    assert not np.allclose(want[-1], params - RATE * grads.sum(0))  # it was triggered
    optimizer = optimizers.nt_asgd(RATE, patience=PATIENCE)
    state = optimizer.init(params)
    for k in range(NUM_UPDATES):
        params, state, averaged = one_update(
            optimizer, params, state, grads[k], losses[k // EVERY], k % EVERY == 0
        )
        np.testing.assert_allclose(averaged, want[k], rtol=1e-12, err_msg=f"{k}")


def test_falling_losses_never_trigger_nan_does_and_few_bits_are_averaged_in_many():
    state = optimizers.nt_asgd(RATE, patience=PATIENCE).init(jnp.ones(3))
    for loss in (5.0, 4.0, 3.0, 2.0, 1.0):
        state = optimizers.record_validation(state, loss)
    assert not state[1].averaging
    assert optimizers.record_validation(state, jnp.nan)[1].averaging

    optimizer = optimizers.non_monotonic_averaging()
    params = jnp.ones(3, jnp.bfloat16)
    state = optimizer.init(params)._replace(averaging=jnp.array(True))
    for k in range(4):
        _, state = optimizer.update(params * k, state, params)
    assert state.average.dtype == jnp.float32
    np.testing.assert_array_equal(state.average, np.full(3, 2.5))
    assert optimizers.averaged_params(state, params).dtype == jnp.bfloat16


def test_a_moving_average_is_a_mean_and_then_fades(x64):
    rng = np.random.default_rng(7)
    grads, params = rng.normal(size=(9, 4)), rng.normal(size=4)
    optimizer = optax.chain(optax.sgd(RATE), optimizers.moving_average(3))
    state, past, want = optimizer.init(params), [], 0.0
    for k, grad in enumerate(grads):
        updates, state = optimizer.update(grad, state, params)
        params = optax.apply_updates(params, updates)
        past.append(np.asarray(params))
        want = np.mean(past, axis=0) if k < 3 else want * 2 / 3 + past[-1] / 3
        averaged = optimizers.averaged_params(state, params)
        np.testing.assert_allclose(averaged, want, rtol=1e-12)
    with pytest.raises(ValueError, match="num_updates must be a positive whole"):
        optimizers.moving_average(0)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="patience must be a positive whole number"):
        optimizers.nt_asgd(RATE, patience=0)
    state = optimizers.non_monotonic_averaging().init(jnp.ones(3))
    with pytest.raises(ValueError, match="params must be given to update, got None."):
        optimizers.non_monotonic_averaging().update(jnp.ones(3), state)
    with pytest.raises(ValueError, match="must hold one AveragingState, got 0 of them"):
        optimizers.record_validation(optax.sgd(RATE).init(jnp.ones(3)), 1.0)
