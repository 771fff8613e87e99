"""Nothing later than its origin reaches a forecast, a scale or a training batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from experiments.forecasting import __main__ as forecasting
from experiments.forecasting.backtest import make_backtest
from experiments.forecasting.panel import (
    Arrays,
    Origins,
    find_origins,
    fit_scale,
    scaled,
    windows_at,
)
from experiments.forecasting.predicting import symbols_of
from rnnjax.losses import negative_binomial
from tests.experiments.forecasting.series import change_after, make_panel
from tests.pytrees import assert_same_bits

W, H = 6, 4
ORIGINS = Origins(np.array([0, 1, 0, 1]), np.array([5, 20, 30, 31]))
TINY = {"window": W, "horizon": H, "hidden_size": 3, "num_samples": 2}
MODELS = [
    {"output": "value", "corrects": "persistence", "bidirectional": True},
    {"normalize": "window", "corrects": "seasonal", "lags": (3,)},
    {"method": "recursive", "output": "normal", "normalize": "window"},
]
OTHERS = [
    {"output": "value"},
    {"output": "student_t", "num_layers": 2, "bidirectional": True},
    {"output": "mixture", "dropout_rate": 0.3, "recurrent_dropout_rate": 0.3},
    {"output": "negative_binomial", "normalize": "mean"},
    {"method": "recursive", "output": "value", "corrects": "persistence"},
    {"method": "recursive", "output": "student_t", "dropout_rate": 0.3},
    {"method": "recursive", "output": "mixture"},
    {"method": "recursive", "output": "negative_binomial", "normalize": "mean"},
]


@pytest.mark.parametrize(
    "options", MODELS, ids=lambda o: "-".join(map(str, o.values()))
)
def test_no_forecast_depends_on_a_later_value(options):
    """By its gradient, and by its bits where the future is NaN.

    A distribution is differentiated before its quantiles are taken, and a recursive
    forecast after, through its paths.
    """
    config = forecasting.Config(**TINY, **options)
    panel = make_panel(has_inputs=config.method == "direct")
    scale = fit_scale(panel, scales_values=config.normalize == "train")
    module = forecasting.make_model(config, symbols_of(panel, scale), nnx.Rngs(0))
    params = nnx.as_pure(nnx.state(module))
    arrays = jax.tree.map(jnp.asarray, scaled(panel, scale))
    backtest = make_backtest(module, W, H)
    places = jax.tree.map(jnp.asarray, ORIGINS)

    def summed(arrays, origin):
        at = jax.tree.map(lambda x: x[None], origin)
        if config.method == "direct":
            forecast = module(windows_at(arrays, at, W, H)[0])
        else:
            forecast = backtest(params, arrays, at, jax.random.key(0))
        return sum(
            (jnp.cos(jnp.arange(x.size)).reshape(x.shape) * x).sum()
            for x in jax.tree.leaves(forecast)
        )

    @jax.jit
    def gradients(arrays):
        return jax.vmap(jax.grad(summed), (None, 0))(arrays, places)

    @jax.jit
    def forecasts(arrays):
        return backtest(params, arrays, places, jax.random.key(0))

    found = jax.device_get(gradients(arrays))
    kept = jax.device_get(forecasts(arrays))
    for i, (row, time) in enumerate(zip(*ORIGINS)):
        seen = {"values": time, "inputs": time, "known": time + H}
        for name, last in seen.items():
            by_step = getattr(found, name)[i]
            assert np.isfinite(by_step).all()
            assert not by_step[1 - row].any()  # the other series
            assert not by_step[row, last + 1 :].any(), name
            reads = by_step.size and module.density is not negative_binomial()
            if reads or (by_step.size and config.method == "direct"):
                assert by_step[row, last].any(), name
        lasts = zip(arrays, seen.values())
        spoilt = Arrays(*(x.at[row, last + 1 :].set(np.nan) for x, last in lasts))
        assert_same_bits(jax.device_get(forecasts(spoilt))[i], kept[i])
        assert np.isfinite(kept[i]).all()


@pytest.mark.parametrize("normalize", ["none", "window"])
def test_steps_that_are_read_as_they_were_see_nothing_later(normalize):
    """The loss of the first step after the window, by every value that it may see."""
    config = forecasting.Config(**TINY, method="recursive")
    panel = make_panel(has_inputs=False)
    scale = fit_scale(panel)
    module = forecasting.make_model(config, symbols_of(panel, scale), nnx.Rngs(0))
    module.normalize = normalize
    window, targets = windows_at(scaled(panel, scale), ORIGINS, W, H)

    @jax.jit
    @jax.grad
    def gradient(values, step):
        layer, params = module._layer(window._replace(values=values[:, :W]))
        _, prediction = layer.apply(params, None, jnp.swapaxes(values, 0, 1)[:-1])
        return jnp.cos(prediction.outputs[step]).sum()

    values = jnp.concatenate([window.values, targets], axis=1)
    for step in (W - 1, W + 1):
        by_step = np.abs(gradient(values, step)).sum(axis=(0, 2))
        assert not by_step[step + 1 :].any() and by_step[step]


def test_the_future_changes_no_scale_and_no_batch():
    config = forecasting.Config(**TINY)
    panel = make_panel()
    ends = [series.ends[0] for series in panel.series]
    other = change_after(panel, ends, np.nan)
    scales = [fit_scale(p) for p in (panel, other)]
    assert_same_bits(*scales)
    origins = find_origins(panel, "train", W, H)
    arrays = [scaled(p, scale) for p, scale in zip((panel, other), scales)]
    batches = [windows_at(a, origins, W, H) for a in arrays]
    assert_same_bits(*batches)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(batches))
    assert config.window == W
    earlier = change_after(panel, [end - 1 for end in ends], 99.0)
    assert (fit_scale(earlier).mean.values != scales[0].mean.values).all()
