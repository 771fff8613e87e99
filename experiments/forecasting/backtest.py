"""Forecasts from many origins, in one program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.forecasting.panel import Arrays, Origins, windows_at
from experiments.forecasting.scores import PROBABILITIES

ORIGINS_AT_ONCE = 256


def make_backtest(
    module: Any, window: int, horizon: int
) -> Callable[[Any, Arrays, Origins, Any], jax.Array]:
    """Makes the forecasts of a rolling origin.

    Each forecast is made from the window that ends at its origin and from what is known
    in advance up to its horizon; nothing else of the series is read. The origins are
    taken by `jax.vmap`, some hundred at a time.

    Args:
      module: `Forecaster` or `AutoregressiveForecaster`.
      window: steps of a window.
      horizon: steps to forecast.

    Returns:
      `backtest(params, arrays, origins, key) -> quantiles`, a pure function; arrays and
      quantiles `[O, Q, H, num_targets]` are in the unit that the module reads. Origin i
      draws from `fold_in(key, i)`.
    """
    graph = nnx.graphdef(module)

    def backtest(params, arrays, origins, key):
        model = nnx.merge(graph, params)

        def forecast(place):
            i, origin = place
            one = jax.tree.map(lambda x: x[None], origin)
            read, _ = windows_at(arrays, one, window, horizon)
            own_key = jax.random.fold_in(key, i)
            return model.quantiles(read, PROBABILITIES, key=own_key)[:, 0]

        places = jnp.arange(len(origins.rows)), origins
        return jax.lax.map(forecast, places, batch_size=ORIGINS_AT_ONCE)

    return backtest


def make_forecasts(
    module: Any, arrays: Arrays, window: int, horizon: int, key: Any
) -> Callable[[Any, Origins], np.ndarray]:
    """Makes `forecasts(params, origins)`, compiled; see `make_backtest`."""
    backtest = jax.jit(make_backtest(module, window, horizon))
    arrays = jax.tree.map(jnp.asarray, arrays)

    def forecasts(params, origins):
        at = jax.tree.map(jnp.asarray, origins)
        return jax.device_get(backtest(params, arrays, at, key))

    return forecasts
