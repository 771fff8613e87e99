"""Forecasting: the next steps of series, beside persistence and seasonal persistence.

A recurrent network reads a window of a series, what else was observed, and what is
known in advance, such as the calendar. It predicts all steps of the horizon at once, or
step by step, each fed back; a value each, or a distribution with its quantiles.

  python -m experiments.forecasting
  python -m experiments.forecasting --data-path my.csv --target load --time-column date
  python -m experiments.forecasting --preset beijing --data-dir DATA
  python -m experiments.forecasting --resume RUN --predict < windows.txt

Series are cut by time into a part for training, one for validation, one for the test.
Columns are scaled by the training part alone; every forecast is made from its own
window, and the parameters are those of the best score of validation.

Expected without flags, on two cores in a minute: a MASE of 0.50 on the test part of the
made sunspots, where persistence has 1.30.

References:
  Chollet, "Deep Learning with Python", 2nd edition, 2021, chapter 10, for weather and
  dropout in recurrence; Salinas et al., "DeepAR: Probabilistic forecasting with
  autoregressive recurrent networks", International Journal of Forecasting 2020; Wen et
  al., "A Multi-Horizon Quantile Recurrent Forecaster", 2017.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
import optax
from flax import nnx

from experiments.forecasting import report
from experiments.forecasting.backtest import make_forecasts
from experiments.forecasting.loading import SeriesFlags, load_panel, time_steps
from experiments.forecasting.outputs import DENSITIES, Output
from experiments.forecasting.panel import (
    Origins,
    Panel,
    Part,
    find_origins,
    fit_scale,
    scaled,
    some_origins,
    windows_at,
)
from experiments.forecasting.predicting import Symbols, make_line_reply, symbols_of
from experiments.forecasting.scores import (
    Forecasts,
    baselines,
    measure,
    seasonal_errors,
    true_values,
)
from experiments.harness import Run, fit, flag, main
from experiments.harness.names import look_up
from experiments.shared.answering import AnsweringFlags, answer_from
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.cells import cell_makers
from experiments.shared.figures import score_curve
from experiments.shared.optimizers import OptimizerFlags, make_optimizer
from experiments.shared.trained import load, save_symbols
from experiments.shared.training import num_weights
from rnnjax.base import Array
from rnnjax.models.autoregressive_forecaster import AutoregressiveForecaster
from rnnjax.models.forecaster import Forecaster
from rnnjax.models.series import Corrects, Normalize, Window
from rnnjax.regularizers import l2_penalty


@dataclasses.dataclass(frozen=True)
class Config(OptimizerFlags, SeriesFlags):
    """Flags of the forecasters."""

    window: int = flag(72, "steps that a forecast is made from", minimum=1)
    horizon: int = flag(24, "steps to forecast", minimum=1)
    method: Literal["direct", "recursive"] = flag(
        "direct", "all steps of the horizon at once, or each fed back to the next"
    )
    output: Output = flag(
        "normal", "a value per step, or a distribution; mixture is of 3 normals"
    )
    normalize: Literal["train", "window", "mean"] = flag(
        "train",
        "by the mean and the deviation of the training part, or of each window; mean: "
        "by 1 + the mean magnitude of each window, for counts",
    )
    corrects: Corrects = flag("none", "the baseline that the network corrects, if any")
    lags: tuple[int, ...] = flag(
        (), "read what was so many steps before each step to forecast", minimum=1
    )
    cell: str = flag("gru", "recurrent cell, by the name of its maker")
    hidden_size: int = flag(32, "width of the cell of each direction", minimum=1)
    num_layers: int = flag(1, "number of layers", minimum=1)
    bidirectional: bool = flag(False, "read windows in both directions (direct only)")
    dropout_rate: float = flag(
        0.0, "probability of zeroing inputs of layers, one mask per window", minimum=0
    )
    recurrent_dropout_rate: float = flag(
        0.0, "probability of zeroing what recurrent products read", minimum=0
    )
    l2_weight: float = flag(0.0, "factor of the squares of all kernels", minimum=0)
    num_samples: int = flag(100, "paths per recursive forecast", minimum=1)
    batch_size: int = flag(64, "windows per update", minimum=1)
    learning_rate: float = flag(3e-3, "learning rate", minimum=0)
    num_updates: int = flag(1000, "updates of the parameters in all")
    eval_every: int = flag(100, "updates between two evaluations")
    num_validated: int = flag(
        1000, "forecasts per evaluation, evenly spaced over the validation part"
    )
    score: Literal["mase", "mae", "smape", "wql"] = flag(
        "mase", "measure of validation by which parameters are chosen"
    )
    patience: int = flag(
        2, "evaluations without a better score until the rate is halved", minimum=1
    )

    def __post_init__(self):
        """Checks what does not go together."""
        super().__post_init__()
        if self.method == "recursive":
            if self.inputs:
                raise ValueError(
                    "inputs must be empty with method recursive, which would have to "
                    f"forecast them, got {', '.join(self.inputs)}: make them targets."
                )
            for name in ("bidirectional", "lags"):
                if getattr(self, name):
                    raise ValueError(f"{name} needs method direct.")
        if self.output == "negative_binomial" and self.normalize != "mean":
            raise ValueError(
                f"normalize must be mean for counts, got {self.normalize!r}."
            )


PRESETS = {
    "beijing": Config(
        dataset="beijing",
        inputs=("DEWP", "PRES", "Iws"),
        calendar=("hour", "day_of_year"),
        output="value",
        corrects="persistence",
        num_updates=2000,
        eval_every=200,
    ),
    "melbourne": Config(
        dataset="melbourne",
        calendar=("day_of_year",),
        output="value",
        window=30,
        horizon=1,
        hidden_size=16,
        num_updates=600,
    ),
    "etth1": Config(
        dataset="etth1",
        inputs=("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL"),
        calendar=("hour",),
        corrects="persistence",
        num_updates=600,
    ),
    "exchange_rate": Config(
        dataset="exchange_rate",
        separate=True,
        normalize="window",
        corrects="persistence",
        window=60,
        num_updates=400,
    ),
    "sunspots": Config(dataset="sunspots", window=144, num_updates=600),
    "m4": Config(
        dataset="m4",
        output="value",
        normalize="window",
        corrects="seasonal",
        score="smape",
        lags=(24, 168),
        window=168,
        horizon=48,
        num_updates=600,
    ),
}


def make_model(
    config: Config, symbols: Symbols, rngs: nnx.Rngs
) -> Forecaster | AutoregressiveForecaster:
    """Makes the network, from windows to forecasts.

    Raises:
      ValueError: if there is no cell of that name.
    """
    make_cell = look_up("cell", config.cell, cell_makers())
    cells = [make_cell(config.hidden_size)] * config.num_layers
    normalize: Normalize = "none" if config.normalize == "train" else config.normalize
    options: dict[str, Any] = {
        "horizon": config.horizon,
        "num_targets": len(symbols.targets),
        "num_known": len(symbols.known),
        "density": DENSITIES[config.output](),
        "normalize": normalize,
        "corrects": config.corrects,
        "dropout_rate": config.dropout_rate,
        "recurrent_dropout_rate": config.recurrent_dropout_rate,
    }
    if config.method == "recursive":
        return AutoregressiveForecaster(
            cells, num_samples=config.num_samples, rngs=rngs, **options
        )
    return Forecaster(
        cells,
        num_inputs=len(symbols.inputs),
        period=symbols.period,
        lags=config.lags,
        both_directions=config.bidirectional,
        rngs=rngs,
        **options,
    )


class Batch(NamedTuple):
    """Windows, and what follows them, `[B, H, num_targets]`."""

    window: Window
    targets: np.ndarray


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the series.
      symbols: what a run keeps of them.
      batch: `batch(i)`, the batch of update i, on the host.
      epoch_length: updates per epoch.
      module: the forecaster with its initial parameters.
      loss: `loss(params, batch, key) -> mean loss per value`.
      optimizer: the optimizer, including clipping.
      forecasts: `forecasts(params, origins)`, in the unit of the data.
    """

    data: Panel
    symbols: Symbols
    batch: Callable[[int], Batch]
    epoch_length: int
    module: Forecaster | AutoregressiveForecaster
    loss: Callable[..., Array]
    optimizer: optax.GradientTransformation
    forecasts: Callable[[Any, Origins], Forecasts]


def prepare(config: Config) -> Prepared:
    """Makes the batches, the module, the loss and the optimizer."""
    panel = load_panel(config)
    scale = fit_scale(panel, scales_values=config.normalize == "train")
    arrays = scaled(panel, scale)
    steps = config.window, config.horizon
    origins = find_origins(panel, "train", *steps)
    init_key, key = jax.random.split(jax.random.key(config.seed))
    symbols = symbols_of(panel, scale)
    module = make_model(config, symbols, nnx.Rngs(init_key))
    graph = nnx.graphdef(module)

    def batch(i):
        chosen = np.random.default_rng((config.seed, i)).integers(
            len(origins.rows), size=config.batch_size
        )
        at = Origins(origins.rows[chosen], origins.times[chosen])
        return Batch(*windows_at(arrays, at, *steps))

    def loss(params, batch, key):
        return nnx.merge(graph, params).loss(batch.window, batch.targets, key=key)

    run_backtest = make_forecasts(module, arrays, *steps, key)

    def forecasts(params, origins):
        means, deviations = (part.values[origins.rows][:, None, None] for part in scale)
        quantiles = means + deviations * run_backtest(params, origins)
        truth = true_values(panel, origins, config.horizon)
        return Forecasts(quantiles, origins, truth)

    return Prepared(
        panel,
        symbols,
        batch,
        -(-len(origins.rows) // config.batch_size),
        module,
        loss,
        make_optimizer(config),
        forecasts,
    )


def train(config: Config, run: Run) -> None:
    """Trains the forecaster that `config` asks for, beside the baselines."""
    prepared = prepare(config)
    panel = prepared.data
    for name, digest in panel.digests.items():
        run.record_data(name, digest)
    save_symbols(run.directory, prepared.symbols)
    steps = config.window, config.horizon
    validated, tested = (
        find_origins(panel, part, *steps) for part in ("validation", "test")
    )
    validated = some_origins(validated, config.num_validated)
    if regularity := time_steps(panel):
        run.print(regularity)
    units: dict[Part, np.ndarray] = {
        part: seasonal_errors(panel, part) for part in ("validation", "test")
    }
    rows = baselines(panel, validated, config.horizon)
    run.print("validation:\n" + report.scores_table(rows, units["validation"]))
    levels = {n: measure(f, units["validation"])[config.score] for n, f in rows.items()}
    chosen_by = f"validation_{config.score}"
    state = initial_state(prepared.module, prepared.optimizer)
    run.print(f"{num_weights(state.params):,} weights")
    _, train_key = jax.random.split(jax.random.key(config.seed))

    def penalty(params):
        kernels = l2_penalty(params, lambda path: path.endswith("kernel"))
        return config.l2_weight * kernels

    update_batch = make_update(
        prepared.loss,
        prepared.optimizer,
        penalty=penalty if config.l2_weight else None,
    )

    def update(state: BestState, i: int):
        return update_batch(state, prepared.batch(i), train_key, i)

    def measured(part: Part, forecasts: Forecasts) -> dict[str, float]:
        values = measure(forecasts, units[part])
        return {f"{part}_{name}": float(value) for name, value in values.items()}

    def evaluate(state: BestState, done: int):
        params = jax.device_get(state.params)
        metrics = measured("validation", prepared.forecasts(params, validated))
        score = -metrics[chosen_by]
        state = keep_best(state, score, patience=config.patience)
        if done == config.num_updates:
            found = prepared.forecasts(jax.device_get(state.best.params), tested)
            metrics |= measured("test", found)
            others = baselines(panel, tested, config.horizon)
            rows = {report.MODEL: found, **others}
            report.write_test(run, done, panel, rows, units["test"])
        run.log(done, **metrics)
        unit = "deviations" if config.output == "value" else "nats per value"
        curve = score_curve(
            run.metrics(), chosen_by, levels=levels, ylabel=f"loss, {unit}"
        )
        run.write_plot("learning_curve", curve)
        return state, metrics

    size = config.batch_size
    fit(run, state, update, evaluate, units_per_update=size, unit="windows")


def predict(directory: Path, flags: AnsweringFlags) -> int:
    """Forecasts what follows each line, the values of a window or a JSON object."""
    return answer_from(flags, make_line_reply(load(directory)))


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[predict])
