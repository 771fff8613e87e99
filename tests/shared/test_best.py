"""The best parameters are kept, and the rate decays without better ones."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.shared.best import BestState, first_best, keep_best, make_update


@pytest.mark.parametrize(
    ("scores", "patience", "expected"),
    [
        (
            [-5.0, -3.0, -4.0, -3.5, -2.0, -2.5],
            2,
            [(0, 1, 0), (1, 1, 0), (1, 1, 1), (1, 0.25, 2), (4, 0.25, 0), (4, 0.25, 1)],
        ),
        ([1.0, 0.5, 1.0, 0.9], 1, [(0, 1, 0), (0, 1 / 4, 1), (0, 1 / 16, 2)]),
        ([0.0, 0.1], 3, [(0, 1, 0), (1, 1, 0)]),
    ],
)
def test_the_best_are_kept_and_the_rate_decays(scores, patience, expected):
    state, found = BestState(-1, (), first_best(-1)), []
    for number, score in enumerate(scores):
        state = state._replace(params=number)
        state = keep_best(state, score, patience=patience, decay_rate=0.25)
        best = state.best
        found.append((best.params, float(best.rate_scale), int(best.num_since)))
    assert found[: len(expected)] == expected
    assert float(best.score) == pytest.approx(max(scores))


@pytest.mark.parametrize("key", [None, jax.random.key(3)])
def test_an_update_steps_by_the_scaled_rate_and_logs_the_loss_alone(key):
    """The loss is |wx + r|²/2, the penalty |w|²/2 weighted, r drawn by key and i."""
    w, x = jnp.array([1.0, -2.0, 0.5]), jnp.array([2.0, 3.0, -1.0])

    def draw(key):
        return 0.0 if key is None else jax.random.normal(key, w.shape)

    def loss(w, x, key):
        return ((w * x + draw(key)) ** 2).sum() / 2

    optimizer = optax.sgd(0.1)
    update = make_update(loss, optimizer, penalty=lambda w: 0.5 * (w**2).sum() / 2)
    best = first_best(w)._replace(rate_scale=jnp.float32(0.25))
    state, metrics = update(BestState(w, optimizer.init(w), best), x, key, 7)
    residual = w * x + draw(None if key is None else jax.random.fold_in(key, 7))
    gradient = residual * x + 0.5 * w
    np.testing.assert_allclose(state.params, w - 0.25 * 0.1 * gradient, rtol=1e-6)
    assert float(metrics["loss"]) == pytest.approx(float((residual**2).sum() / 2))
    norm = np.linalg.norm(gradient)
    assert float(metrics["grad_norm"]) == pytest.approx(norm) and metrics["finite"]
    np.testing.assert_array_equal(state.best.params, w)
    kept, metrics = update(state, x * jnp.nan, key, 8)
    assert not metrics["finite"]
    np.testing.assert_array_equal(kept.params, state.params)
