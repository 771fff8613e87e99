"""Series to labels: one for a series of several channels, or one for each of its steps.

A network of both directions reads the channels, of sensors or the log-mel frames of
audio, and one vector of its outputs gives the label; or every output gives that of its
step. Training series can be shifted, blanked and covered with noise. The baselines are
the most frequent label and a linear classifier: of the mean and the spread of every
channel, or of the steps around the one to label.

  python -m experiments.series_classification
  python -m experiments.series_classification --data-path FOLDER
  python -m experiments.series_classification --data-path my.csv --label-column state
  python -m experiments.series_classification --resume RUN --predict < paths.txt
  python -m experiments.series_classification --preset fsdd --data-dir DATA

FOLDER holds a folder per class, and these WAV files of any rate, or CSV files with a
row per step. In one CSV file the label of every row is learned; --series-column says
which series a row is of, if each has one label.

Expected without flags: 0.99 of the test signals right after 400 updates, where the
linear classifier reaches 0.517.

References:
  Graves and Schmidhuber, "Framewise phoneme classification with bidirectional LSTM and
  other neural network architectures", Neural Networks 2005; Park et al.,
  "SpecAugment", Interspeech 2019.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import jax
import optax
from flax import nnx

from experiments.harness import Run, fit, flag, main
from experiments.harness.names import look_up
from experiments.series_classification import report
from experiments.series_classification.batches import (
    Batch,
    Symbols,
    bucket_series,
    encode,
    load_series,
    make_batch,
    make_symbols,
)
from experiments.series_classification.series import Parts, SeriesFlags
from experiments.series_classification.use import make_reply
from experiments.shared import buckets as bucketing
from experiments.shared.answering import PredictFlags, answer_from
from experiments.shared.augmentation import AugmentationFlags, augment
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.cells import cell_makers
from experiments.shared.devices import make_mesh, replicate, split_batch, start_devices
from experiments.shared.figures import score_curve
from experiments.shared.optimizers import OptimizerFlags, make_optimizer
from experiments.shared.trained import load, save_symbols
from experiments.shared.training import num_weights
from experiments.shared.warping import WarpFlags, warp
from rnnjax import bidirectional, cross_entropy
from rnnjax.attention import additive_pooling
from rnnjax.base import Array, Cell, Layer
from rnnjax.layers import dropout, last_read, max_pool, mean_pool
from rnnjax.models.sequence_classifier import SequenceClassifier


@dataclasses.dataclass(frozen=True)
class Config(OptimizerFlags, WarpFlags, AugmentationFlags, SeriesFlags):
    """Flags of the classifiers."""

    cell: str = flag("gru", "recurrent cell, by the name of its maker")
    hidden_size: int = flag(32, "width of the cell of each direction", minimum=1)
    num_layers: int = flag(1, "number of bidirectional layers", minimum=1)
    pooling: Literal["last", "mean", "max", "attention"] = flag(
        "mean",
        "how a series' outputs become one vector: what each direction has read last, "
        "their mean or maximum over the steps, or a mean with learned weights",
    )
    dropout_rate: float = flag(
        0.2, "probability of zeroing after layers, and of a residue", minimum=0
    )
    batch_size: int = flag(32, "series per update", minimum=1)
    learning_rate: float = flag(3e-3, "learning rate", minimum=0)
    max_norm: float | None = flag(1.0, "global norm to which gradients are clipped")
    patience: int = flag(
        5, "evaluations without a better score until the rate is halved", minimum=1
    )
    num_updates: int = flag(400, "updates of the parameters in all")
    eval_every: int = flag(50, "updates between two evaluations")
    num_devices: int | None = flag(
        None,
        "devices that share the batch; none: by cores, batch and width",
        resumable=True,
        minimum=1,
    )


AUDIO = Config(
    hidden_size=128,
    dropout_rate=0.3,
    max_shift=5,
    noise_scale=0.2,
    time_mask=8,
    channel_mask=8,
    learning_rate=2e-3,
    num_updates=1200,
    eval_every=75,
)
PRESETS = {
    "audio": AUDIO,
    "japanese_vowels": Config(
        dataset="japanese_vowels",
        hidden_size=64,
        dropout_rate=0.5,
        max_shift=2,
        noise_scale=0.5,
        num_updates=600,
    ),
    "fsdd": dataclasses.replace(AUDIO, dataset="fsdd"),
    "speech_commands": dataclasses.replace(
        AUDIO,
        dataset="speech_commands",
        hop_seconds=0.02,
        num_updates=700,
        eval_every=70,
    ),
    "cb513": Config(
        dataset="cb513", hidden_size=128, dropout_rate=0.3, batch_size=16, eval_every=25
    ),
    "eeg_eye_state": Config(
        dataset="eeg_eye_state", noise_scale=0.3, batch_size=16, eval_every=25
    ),
    "gestures": Config(dataset="gestures", noise_scale=0.3, num_updates=200),
}


def make_model(config: Config, symbols: Symbols, rngs: nnx.Rngs) -> SequenceClassifier:
    """Makes the network, from channels to scores of the labels.

    Raises:
      ValueError: if there is no cell of that name.
    """
    cell = look_up("cell", config.cell, cell_makers())(config.hidden_size)
    drop = [dropout(config.dropout_rate)] if config.dropout_rate else []
    layers: list[Cell | Layer] = [*drop] if symbols.source == "residues" else []
    for _ in range(config.num_layers):
        layers += [bidirectional(cell), *drop]
    pooling = {
        "last": last_read,
        "mean": mean_pool,
        "max": max_pool,
        "attention": additive_pooling(config.hidden_size),
    }[config.pooling]
    return SequenceClassifier(
        len(symbols.channels),
        layers,
        len(symbols.classes),
        pooling=None if symbols.by_step else pooling,
        rngs=rngs,
    )


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the series, in parts.
      symbols: what the numbers stand for.
      batch: `batch(i)`, the batch of update i, on the host.
      epoch_length: updates per epoch.
      module: the classifier with its initial parameters.
      loss: `loss(params, batch, key) -> nats per label`.
      optimizer: the optimizer, including clipping.
      num_devices: devices that share a batch.
    """

    data: Parts
    symbols: Symbols
    batch: Callable[[int], Batch]
    epoch_length: int
    module: SequenceClassifier
    loss: Callable[..., Array]
    optimizer: optax.GradientTransformation
    num_devices: int


def prepare(config: Config) -> Prepared:
    """Makes the batches, the module, the loss and the optimizer.

    It starts JAX with the number of devices asked for.

    Raises:
      ValueError: if series are to be stretched or warped that cannot be.
    """
    num_devices = start_devices(
        config.num_devices, config.batch_size, config.hidden_size
    )
    parts = load_series(config)
    symbols = make_symbols(parts)
    if config.max_stretch and symbols.by_step:
        raise ValueError("max_stretch must be 0 where every step has a label.")
    if config.max_warp and symbols.source != "audio":
        raise ValueError("max_warp must be 0 where series are not audio.")
    train_data = encode(parts.train, symbols)
    buckets = bucket_series(train_data, config.batch_size)
    rows = bucketing.shuffled_batches(buckets, config.seed)
    init_key, _ = jax.random.split(jax.random.key(config.seed))
    module = make_model(config, symbols, nnx.Rngs(init_key))
    graph = nnx.graphdef(module)

    def loss(params, batch, key):
        drop_key, augment_key, warp_key = jax.random.split(key, 3)
        inputs, mask = warp(config, warp_key, batch.inputs, batch.mask)
        inputs, targets = augment(config, augment_key, inputs, batch.targets, mask)
        logits = nnx.merge(graph, params)(inputs, mask=mask, key=drop_key)
        nats = cross_entropy(logits, targets, batch.is_labelled)
        return nats.sum() / batch.is_labelled.sum()

    return Prepared(
        parts,
        symbols,
        lambda i: make_batch(train_data, buckets, rows(i), symbols.by_step),
        bucketing.batches_per_epoch(buckets),
        module,
        loss,
        make_optimizer(config),
        num_devices,
    )


def train(config: Config, run: Run) -> None:
    """Trains the classifier that `config` asks for, beside the baselines."""
    prepared = prepare(config)
    data, symbols = prepared.data, prepared.symbols
    run.record_choice("num_devices", prepared.num_devices)
    for name, digest in data.digests.items():
        run.record_data(name, digest)
    save_symbols(run.directory, symbols)
    levels = report.print_baselines(run, data, symbols)
    mesh = make_mesh(prepared.num_devices)
    state = replicate(initial_state(prepared.module, prepared.optimizer), mesh)
    run.print(
        f"{len(data.train):,} series to train on, {prepared.epoch_length} updates per "
        f"epoch; {num_weights(state.params):,} weights"
    )
    _, train_key = jax.random.split(jax.random.key(config.seed))
    update_batch = make_update(prepared.loss, prepared.optimizer)

    def update(state: BestState, i: int):
        batch = split_batch(prepared.batch(i), mesh, axis=0)
        return update_batch(state, batch, train_key, i)

    predict = report.make_predict(prepared.module, config.batch_size, symbols.by_step)
    validation, test = encode(data.validation, symbols), encode(data.test, symbols)

    def evaluate(state: BestState, done: int):
        found = predict(jax.device_get(state.params), validation)
        metrics = report.measure("validation", validation, found)
        # Of equal accuracies, frequent on few series, the lower loss is the better.
        score = metrics["validation_accuracy"] - 1e-4 * metrics["validation_loss"]
        state = keep_best(state, score, patience=config.patience)
        if done == config.num_updates and data.test:
            found = predict(jax.device_get(state.best.params), test)
            metrics |= report.measure("test", test, found)
            report.write_report(run, done, data.test, test, found, symbols)
        run.log(done, **metrics)
        figure = score_curve(
            run.metrics(),
            "validation_accuracy",
            levels=levels,
            ylabel="training loss, nats per label",
        )
        run.write_plot("learning_curve", figure)
        return state, metrics

    fit(
        run,
        state,
        update,
        evaluate,
        units_per_update=config.batch_size,
        unit="series",
    )


def predict(directory: Path, flags: PredictFlags) -> int:
    """Labels files, one path per line, or proteins, one chain of residues per line."""
    return answer_from(flags, make_reply(load(directory), flags.probabilities))


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[predict])
