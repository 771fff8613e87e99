"""The forecasters against their equations, put together by hand from functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from rnnjax import gru, lstm, recurrent
from rnnjax.layers import bidirectional
from rnnjax.losses import negative_binomial, normal
from rnnjax.losses.location_scale import student_t
from rnnjax.models.autoregressive_forecaster import AutoregressiveForecaster
from rnnjax.models.forecaster import Forecaster
from rnnjax.models.series import Window, window_scale
from tests.pytrees import assert_close

B, W, H, C, NUM_INPUTS, K, SIZE, PERIOD = 3, 6, 5, 2, 1, 4, 7, 3
RNG = np.random.default_rng(0)
WINDOW = Window(
    RNG.normal(size=(B, W, C)) + 3,
    RNG.normal(size=(B, W, NUM_INPUTS)),
    RNG.normal(size=(B, W + H, K)),
)
TARGETS = RNG.normal(size=(B, H, C)) + 3
SIZES = {"horizon": H, "num_targets": C, "num_known": K}


def make(kind, cells, **options):
    model = kind(cells, rngs=nnx.Rngs(0), **SIZES, **options)
    params = nnx.state(model, nnx.Param)
    dtype = jnp.zeros(()).dtype  # float64 under x64
    nnx.update(model, jax.tree.map(lambda x: x.astype(dtype), params))
    return model


def params_of(part):
    return nnx.as_pure(part.params)


def product(part, x):
    params = params_of(part)
    return x @ params["kernel"] + params.get("bias", 0)


def test_all_steps_at_once_by_hand(x64):
    model = make(
        Forecaster,
        [gru(4), lstm(SIZE)],
        num_inputs=NUM_INPUTS,
        density=normal(),
        normalize="window",
        corrects="seasonal",
        period=PERIOD,
        lags=(2, 6),
        both_directions=True,
    )
    center = WINDOW.values.mean(axis=1, keepdims=True)
    scale = np.sqrt(WINDOW.values.var(axis=1, keepdims=True) + 1e-6)
    known = WINDOW.known[:, :W]
    x = [(WINDOW.values - center) / scale, WINDOW.inputs, known]
    x = np.swapaxes(np.concatenate(x, axis=-1), 0, 1)
    first, second = params_of(model.encoder)
    _, x = bidirectional(gru(4)).apply(first, None, x)
    _, ahead = recurrent(lstm(SIZE)).apply(second["forward"], None, x)
    backward = recurrent(lstm(SIZE), reverse=True)
    _, back = backward.apply(second["backward"], None, x)
    s = np.concatenate([ahead[-1], back[0]], axis=-1)
    outputs = product(model.head, s).reshape(B, H, C, 2)
    for k in range(H):
        normalized = (WINDOW.values - center) / scale
        lags = [normalized[:, W - 2 + k % 2], normalized[:, k]]
        both = np.concatenate([s, WINDOW.known[:, W + k], *lags], axis=-1)
        hidden = np.concatenate([np.tanh(product(model.mixer, both)), *lags], axis=-1)
        mixed = product(model.mixer_head, hidden)
        outputs = outputs.at[:, k].add(mixed.reshape(B, C, 2))
    prediction = jax.jit(lambda window: model(window))(WINDOW)
    assert_close(prediction.outputs, outputs, 1e-13)
    steps = [W - PERIOD + k % PERIOD for k in range(H)]
    assert_close(prediction.center, WINDOW.values[:, steps], 0)
    assert_close(prediction.scale, np.broadcast_to(scale, (B, H, C)), 1e-14)


def test_persistence_is_what_remains_of_a_silent_network(x64):
    model = make(Forecaster, [gru(SIZE)], num_inputs=NUM_INPUTS, corrects="persistence")
    for part in (model.head, model.mixer_head):
        nnx.update(part, jax.tree.map(jnp.zeros_like, nnx.state(part)))
    (median,) = jax.jit(lambda w: model.quantiles(w, np.array([0.5])))(WINDOW)
    assert_close(median, np.repeat(WINDOW.values[:, -1:], H, axis=1), 0)
    want = np.abs(TARGETS - WINDOW.values[:, -1:]).mean()
    assert_close(jax.jit(model.loss)(WINDOW, TARGETS), want, 1e-14)


@pytest.mark.parametrize("corrects", ["none", "persistence"])
def test_step_by_step_by_hand(x64, corrects):
    model = make(AutoregressiveForecaster, [gru(SIZE)], corrects=corrects)
    window = Window(WINDOW.values, known=WINDOW.known)
    (params,) = params_of(model.body)
    cell = gru(SIZE)

    def predict(values):
        """Predicts the step after each of the values, one series after the other."""
        predicted = []
        for b in range(B):
            h = cell.initial_carry(params)
            row = []
            for t, value in enumerate(values[b]):
                x = jnp.concatenate([value, WINDOW.known[b, t + 1]])
                h, y = cell.step(params, h, x)
                row.append(product(model.head, y) + (corrects != "none") * value)
            predicted.append(jnp.stack(row))
        return np.stack(predicted)

    values = WINDOW.values
    for _ in range(H):
        values = np.concatenate([values, predict(values)[:, -1:]], axis=1)
    (got,) = jax.jit(lambda w: model.quantiles(w, np.array([0.3])))(window)
    assert_close(got, values[:, W:], 1e-12)
    truth = np.concatenate([WINDOW.values, TARGETS], axis=1)
    want = np.abs(predict(truth[:, :-1]) - truth[:, 1:]).mean()
    assert_close(jax.jit(model.loss)(window, TARGETS), want, 1e-12)


def test_drawn_paths_are_read_again():
    """A network that only reads the last value makes a random walk."""
    options = {"density": normal(), "corrects": "persistence", "num_samples": 4000}
    model = make(AutoregressiveForecaster, [gru(SIZE)], **options)
    nnx.update(model.head, jax.tree.map(jnp.zeros_like, nnx.state(model.head)))
    window = Window(WINDOW.values.astype(np.float32), known=WINDOW.known)
    paths = jax.jit(model.sample)(window, jax.random.key(1)) - window.values[:, -1:]
    deviations = np.asarray(paths).std(axis=0)
    walk = np.sqrt(np.arange(1, H + 1))[:, None]
    np.testing.assert_allclose(deviations / walk, 1, atol=0.05)


@pytest.mark.slow
def test_counts_stay_counts():
    options = {"density": negative_binomial(), "normalize": "mean", "num_samples": 9}
    model = make(AutoregressiveForecaster, [gru(SIZE)], **options)
    window = Window(np.round(WINDOW.values).astype(np.float32), known=WINDOW.known)
    quantiles = jax.jit(lambda w: model.quantiles(w, np.array([0.2, 0.7])))(window)
    np.testing.assert_array_equal(quantiles, np.round(quantiles))
    _, scale = window_scale(jnp.asarray(window.values), "mean")
    assert_close(scale[:, 0], 1 + np.abs(window.values).mean(axis=1), 1e-6)


def test_dropout_needs_a_key():
    rates = {"dropout_rate": 0.4, "recurrent_dropout_rate": 0.3}
    model = make(Forecaster, [gru(SIZE)], num_inputs=NUM_INPUTS, **rates)
    loss = jax.jit(model.loss)
    plain = make(Forecaster, [gru(SIZE)], num_inputs=NUM_INPUTS)
    drawn, own = (nnx.state(m, nnx.Param) for m in (model, plain))
    # the same leaves in the same order, but the layers are counted with the dropouts
    same = jax.tree.unflatten(jax.tree.structure(own), jax.tree.leaves(drawn))
    nnx.update(plain, same)
    without = loss(WINDOW, TARGETS)
    assert_close(without, jax.jit(plain.loss)(WINDOW, TARGETS), 1e-6)
    dropped = [loss(WINDOW, TARGETS, key=jax.random.key(n)) for n in (3, 3, 4)]
    assert dropped[0] == dropped[1] != dropped[2] != without


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Forecaster, {"cells": []}, "cells must be at least one, got none"),
        (Forecaster, {"horizon": 0}, "horizon must be a positive whole number"),
        (Forecaster, {"corrects": "seasonal"}, "period must be a positive"),
        (Forecaster, {"lags": (3, 0)}, "lags must be a positive whole number, got 0"),
        (
            Forecaster,
            {"density": negative_binomial(), "normalize": "window"},
            "corrects must be none and normalize none or mean for counts",
        ),
        (
            AutoregressiveForecaster,
            {"corrects": "seasonal"},
            "corrects must be none or persistence, got 'seasonal'",
        ),
        (AutoregressiveForecaster, {"num_samples": 0}, "num_samples must be"),
    ],
)
def test_bad_options(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**{"cells": [gru(2)], "horizon": 3, "rngs": nnx.Rngs(0), **options})


def test_bad_windows():
    options = {"corrects": "seasonal", "period": W + 1, "num_inputs": NUM_INPUTS}
    model = make(Forecaster, [gru(2)], **options)
    with pytest.raises(ValueError, match="window must be of at least 7 steps"):
        model(WINDOW)
    with pytest.raises(ValueError, match="normalize must be none, window or mean"):
        window_scale(jnp.ones((1, 2, 1)), "max")  # type: ignore


def test_every_density_is_taken():
    model = make(Forecaster, [gru(2)], num_inputs=NUM_INPUTS, density=student_t())
    levels = np.array([0.1, 0.5, 0.9])
    quantiles = jax.jit(lambda w: model.quantiles(w, levels))(WINDOW)
    assert (np.diff(quantiles, axis=0) > 0).all()
