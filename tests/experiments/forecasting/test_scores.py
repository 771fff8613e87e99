"""Baselines, measures and origins, against loops over single forecasts."""

import jax
import numpy as np
import pytest
from flax import nnx

from experiments.forecasting import scores
from experiments.forecasting.backtest import make_forecasts
from experiments.forecasting.panel import (
    Columns,
    Origins,
    Panel,
    Series,
    find_origins,
    fit_scale,
    pack,
    scaled,
    some_origins,
)
from experiments.harness import BadInput
from rnnjax import gru
from rnnjax.models.forecaster import Forecaster
from rnnjax.models.series import Window
from tests.experiments.forecasting.series import change_after, make_panel
from tests.pytrees import assert_close

W, H = 6, 4


def one_series(values, ends, period=None):
    values = np.asarray(values, float)[:, None]
    none = np.zeros((len(values), 0))
    series = [Series("one", values, none, none, None, ends)]
    return Panel(series, pack(series), Columns(("y",)), period, {})


def test_baselines_repeat_what_was():
    panel = make_panel(period=3)
    origins = Origins(np.array([1, 0]), np.array([7, 20]))
    rows = scores.baselines(panel, origins, H)
    for i, (row, time) in enumerate(zip(*origins)):
        values = panel.series[row].values
        last, season = (rows[n].median[i] for n in rows)
        for k in range(H):
            np.testing.assert_array_equal(last[k], values[time])
            steps_back = 3 if k < 3 else 6
            want = values[time + 1 + k - steps_back]
            np.testing.assert_array_equal(season[k], want)
            np.testing.assert_array_equal(
                rows["persistence"].truth[i, k], values[time + 1 + k]
            )
    with pytest.raises(BadInput, match="period must fit .* got 30 steps"):
        scores.persistence(panel, origins, H, 30)


def test_measures_by_hand():
    """One series, two origins, two steps; season of 2."""
    panel = one_series([1, 4, 2, 8, 0, 5, 0, 7], (4, 6), period=2)
    unit = scores.seasonal_errors(panel, "test")
    np.testing.assert_allclose(unit, [[(1 + 4 + 2 + 3) / 4]])
    np.testing.assert_allclose(scores.seasonal_errors(panel, "validation"), [[2.5]])
    origins = Origins(np.array([0, 0]), np.array([4, 5]))
    truth = scores.true_values(panel, origins, 2)
    np.testing.assert_array_equal(truth[..., 0], [[5, 0], [0, 7]])
    quantiles = np.zeros((2, 9, 2, 1))
    quantiles[:, :, 0, 0] = np.arange(9)  # the median is 4
    forecasts = scores.Forecasts(quantiles, origins, truth)
    found = scores.measure(forecasts, unit)
    errors = np.array([[1, 0], [4, 7]])
    assert found["mae"] == errors.mean() and found["last_mae"] == 3.5
    assert found["mase"] == pytest.approx(errors.mean() / 2.5)
    assert found["smape"] == pytest.approx(200 * (1 / 9 + 0 + 1 + 1) / 4)
    losses = 0
    for q, level in enumerate(np.arange(1, 10) / 10):
        for y, f in ((5, q), (0, 0), (0, q), (7, 0)):
            losses += 2 * (level * (y - f) if y > f else (1 - level) * (f - y))
    assert found["wql"] == pytest.approx(losses / 9 / 12)
    below = [(5 <= q) + 1 + 1 + 0 for q in range(9)]
    np.testing.assert_allclose(scores.coverage(forecasts), np.array(below) / 4)


def test_of_a_value_the_quantile_loss_is_the_relative_error():
    panel = make_panel()
    origins = find_origins(panel, "test", W, H)
    forecasts = scores.persistence(panel, origins, H)
    found = scores.measure(forecasts, np.ones((2, 2)))
    errors = np.abs(forecasts.truth - forecasts.median)
    assert found["wql"] == pytest.approx(errors.sum() / np.abs(forecasts.truth).sum())
    assert found["mase"] == pytest.approx(found["mae"])


def test_a_series_that_repeats_itself_has_no_unit():
    panel = one_series([1, 2] * 6, (4, 8), period=2)
    with pytest.raises(BadInput, match="one repeats itself exactly after 2 steps"):
        scores.seasonal_errors(panel, "test")


def test_origins_are_those_whose_horizon_lies_in_the_part():
    panel = make_panel()
    for part, number in (("train", 0), ("validation", 1), ("test", 2)):
        found = set(zip(*find_origins(panel, part, W, H)))
        want = set()
        for row, series in enumerate(panel.series):
            bounds = (0, *series.ends, len(series.values))
            for time in range(len(series.values)):
                steps = range(time + 1, time + H + 1)
                inside = all(bounds[number] <= s < bounds[number + 1] for s in steps)
                if inside and time - W + 1 >= 0:
                    want.add((row, time))
        assert found == want
    some = some_origins(find_origins(panel, "test", W, H), 3)
    assert len(some.rows) == 3 and some.times[0] == panel.series[0].ends[1] - 1
    with pytest.raises(BadInput, match="s37 is too short: the train part of its 37"):
        find_origins(panel, "train", 16, H)


def test_a_constant_column_is_refused():
    panel = change_after(make_panel(), [0, 0], 3.0)
    with pytest.raises(BadInput, match="column 'a' of s43 is constant in the training"):
        fit_scale(panel)
    assert (fit_scale(make_panel(), scales_values=False).mean.values == 0).all()


def test_scaled_columns_have_no_mean_in_the_training_part():
    panel = make_panel()
    arrays = scaled(panel, fit_scale(panel))
    for row, series in enumerate(panel.series):
        for array in arrays:
            seen = array[row, : series.ends[0]]
            np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-6)
            np.testing.assert_allclose(seen.std(axis=0), 1, rtol=1e-5)


def test_many_origins_are_single_forecasts(x64):
    panel = make_panel()
    arrays = scaled(panel, fit_scale(panel))
    sizes = {"num_targets": 2, "num_inputs": 1, "num_known": 2}
    module = Forecaster([gru(3)], horizon=H, rngs=nnx.Rngs(0), **sizes)
    params = nnx.as_pure(nnx.state(module))
    origins = some_origins(find_origins(panel, "test", W, H), 5)
    forecasts = make_forecasts(module, arrays, W, H, jax.random.key(0))
    found = forecasts(params, origins)
    one = jax.jit(lambda window: module.quantiles(window, scores.PROBABILITIES))
    for i, (row, time) in enumerate(zip(*origins)):
        now = slice(time - W + 1, time + 1)
        window = Window(
            arrays.values[row, now][None],
            arrays.inputs[row, now][None],
            arrays.known[row, time - W + 1 : time + 1 + H][None],
        )
        assert_close(found[i], one(window)[:, 0], 1e-5)
