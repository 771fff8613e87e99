r"""Video: the next frames of a clip, or a label for it.

To forecast, convolutional LSTMs read patches of the frames, predict each next frame,
and go on from their own forecasts; an LSTM that sees frames as vectors is for
comparison. To classify, a convolution reads each frame and an LSTM what it makes of
them. Both are compared with baselines that need no network.

  python -m experiments.video --data-path my_clips
  python -m experiments.video --data-path my_classes --task classify
  python -m experiments.video --resume RUN --predict < folders.txt
  python -m experiments.video
  python -m experiments.video --task classify
  python -m experiments.video --preset digits
  python -m experiments.video --preset labels
  python -m experiments.video --preset mnist --data-dir DATA

A clip is a folder of PNG frames. By default clips are made: digits of a dot-matrix
display move over 32 by 32 pixels and bounce off the edges.

Expected of `--preset digits`, one digit, ten frames to ten: 99 nats per frame on the
test clips, where calibrated copies of the last frame take 220, constant velocity 171
and an LSTM of equal weights 176; ten minutes of one core. See docs/video.md.

References:
  Shi et al., "Convolutional LSTM Network: A Machine Learning Approach for Precipitation
  Nowcasting", NeurIPS 2015; Srivastava, Mansimov and Salakhutdinov, "Unsupervised
  Learning of Video Representations using LSTMs", ICML 2015; Donahue et al., "Long-term
  Recurrent Convolutional Networks for Visual Recognition and Description", CVPR 2015.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from experiments.harness import Run, fit, flag, main
from experiments.shared.answering import PredictFlags, answer_from
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.devices import make_mesh, replicate, split_batch, start_devices
from experiments.shared.optimizers import OptimizerFlags, make_optimizer
from experiments.shared.trained import load, save_symbols
from experiments.shared.training import num_weights
from experiments.video.answers import make_reply
from experiments.video.forecasts import Forecasts, frame_nats
from experiments.video.labels import Labels
from experiments.video.loading import (
    Batch,
    ClipFlags,
    Clips,
    Symbols,
    load_clips,
    training_batches,
)
from rnnjax import cross_entropy, lstm
from rnnjax.base import Array
from rnnjax.cells.lstm_convolutional import lstm_convolutional
from rnnjax.models.frame_classifier import FrameClassifier
from rnnjax.models.frame_forecaster import FrameForecaster

WIDTH_TO_CLASSIFY = 64


@dataclasses.dataclass(frozen=True)
class Config(OptimizerFlags, ClipFlags):
    """Flags of networks that read clips, and of their training."""

    model: Literal["convolutional", "lstm"] = flag(
        "convolutional", "what forecasts: cells over a plane, or over whole frames"
    )
    channels: int = flag(16, "channels of a convolutional cell", minimum=1)
    kernel_size: int = flag(3, "size of its kernels, in patches", minimum=1)
    patch_size: int = flag(2, "height and width of its patches, in pixels", minimum=1)
    num_layers: int = flag(2, "number of cells of a forecaster", minimum=1)
    hidden_size: int | None = flag(
        None,
        "width of an LSTM; none: 64 to classify; to forecast, what gives it as many "
        "weights as the convolutional cells have",
        minimum=1,
    )
    dropout_rate: float = flag(
        0.0, "probability of zeroing around the LSTM that classifies", minimum=0
    )
    batch_size: int | None = flag(
        None, "clips per update; none: 8 to forecast, 32 to classify", minimum=1
    )
    learning_rate: float = flag(5e-3, "learning rate", minimum=0)
    max_norm: float | None = flag(10.0, "global norm to which gradients are clipped")
    patience: int = flag(
        2, "evaluations without a better score until the rate is halved", minimum=1
    )
    num_updates: int = flag(300, "updates of the parameters in all")
    eval_every: int = flag(100, "updates between two evaluations")
    num_devices: int | None = flag(
        None,
        "devices that share the batch; none: by cores, batch and width",
        resumable=True,
        minimum=1,
    )

    @property
    def num_clips(self) -> int:
        """Clips per update."""
        return self.batch_size or (32 if self.task == "classify" else 8)


LONG = Config(num_updates=1200, eval_every=100)
PRESETS = {
    "digits": LONG,
    "labels": dataclasses.replace(LONG, task="classify"),
    "two_digits": dataclasses.replace(LONG, num_digits=2, num_updates=6000),
    "mnist": dataclasses.replace(LONG, dataset="mnist", num_updates=3000),
}


def make_model(
    config: Config, symbols: Symbols, rngs: nnx.Rngs
) -> FrameClassifier | FrameForecaster:
    """Makes the network, from frames to logits of labels or of pixels.

    Raises:
      ValueError: if the frames cannot be cut into patches.
    """
    shape = symbols.height, symbols.width
    if config.task == "classify":
        return FrameClassifier(
            shape,
            lstm(config.hidden_size or WIDTH_TO_CLASSIFY),
            len(symbols.labels),
            dropout_rate=config.dropout_rate,
            rngs=rngs,
        )
    options: dict[str, Any] = {"brightness": symbols.brightness, "rngs": rngs}
    if config.model == "lstm":
        width = config.hidden_size or equal_width(config, shape)
        cell = lstm_convolutional(width, (1, 1), (1, 1))
        cells = [cell] * config.num_layers
        return FrameForecaster(shape, cells, patch_size=shape, **options)
    size = config.patch_size
    if shape[0] % size or shape[1] % size:
        raise ValueError(
            f"patch_size must divide the {shape[1]} x {shape[0]} pixels of frames, "
            f"got {size}."
        )
    plane = shape[0] // size, shape[1] // size
    cell = lstm_convolutional(config.channels, plane, (config.kernel_size,) * 2)
    cells = [cell] * config.num_layers
    return FrameForecaster(shape, cells, patch_size=size, **options)


def equal_width(config: Config, shape: tuple[int, int]) -> int:
    """Returns the width of LSTMs with as many weights as the convolutional cells.

    Those of the maps to pixels are counted too. It is the least width with at least as
    many.
    """

    def count(width: int, num_pixels: int, num_neighbors: int) -> int:
        num_layers = config.num_layers
        read = num_layers * (2 * num_pixels) + (2 * num_layers - 1) * width
        cells = 4 * width * (num_neighbors * read + num_layers)
        return cells + (num_layers * width + 1) * num_pixels

    least = count(config.channels, config.patch_size**2, config.kernel_size**2)
    width = 1
    while count(width, shape[0] * shape[1], 1) < least:
        width += 1
    return width


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the clips, in parts.
      batch: `batch(i)`, the batch of update i, on the host.
      epoch_length: updates per epoch.
      module: the network with its initial parameters.
      loss: `loss(params, batch, key)`, nats per clip to classify; to forecast, nats per
        frame, of all frames but the first.
      optimizer: the optimizer, including clipping.
      num_devices: devices that share a batch.
    """

    data: Clips
    batch: Callable[[int], Batch]
    epoch_length: int
    module: FrameClassifier | FrameForecaster
    loss: Callable[..., Array]
    optimizer: optax.GradientTransformation
    num_devices: int


def prepare(config: Config) -> Prepared:
    """Makes the batches, the module, the loss and the optimizer.

    It starts JAX with the number of devices asked for.
    """
    num_devices = start_devices(
        config.num_devices, config.num_clips, config.hidden_size or WIDTH_TO_CLASSIFY
    )
    clips = load_clips(config)
    batch, epoch_length = training_batches(clips, config.num_clips, config.seed)
    init_key, _ = jax.random.split(jax.random.key(config.seed))
    module = make_model(config, clips.symbols, nnx.Rngs(init_key))
    graph = nnx.graphdef(module)

    def classification_loss(params, batch, key):
        logits = nnx.merge(graph, params)(batch.frames / 255, mask=batch.mask, key=key)
        is_clip = batch.mask.any(axis=1)
        return cross_entropy(logits, batch.labels, is_clip).sum() / is_clip.sum()

    def forecast_loss(params, batch, key):
        del key
        frames = batch.frames / 255
        logits = nnx.merge(graph, params)(frames[:, : config.window], config.horizon)
        nats = frame_nats(logits, frames[:, 1:])
        is_real = batch.mask[:, 1:]
        return jnp.where(is_real, nats, 0).sum() / is_real.sum()

    return Prepared(
        clips,
        batch,
        epoch_length,
        module,
        classification_loss if config.task == "classify" else forecast_loss,
        make_optimizer(config),
        num_devices,
    )


def train(config: Config, run: Run) -> None:
    """Trains the network that `config` asks for, beside the baselines."""
    prepared = prepare(config)
    run.record_choice("num_devices", prepared.num_devices)
    for name, digest in prepared.data.digests.items():
        run.record_data(name, digest)
    save_symbols(run.directory, prepared.data.symbols)
    kind: Any = Labels if config.task == "classify" else Forecasts
    reporter = kind(run, config, prepared.data, prepared.module)
    mesh = make_mesh(prepared.num_devices)
    state = replicate(initial_state(prepared.module, prepared.optimizer), mesh)
    run.print(f"{num_weights(state.params):,} weights")
    _, train_key = jax.random.split(jax.random.key(config.seed))
    update_batch = make_update(prepared.loss, prepared.optimizer)

    def update(state: BestState, i: int):
        batch = split_batch(prepared.batch(i), mesh, axis=0)
        return update_batch(state, batch, train_key, i)

    def evaluate(state: BestState, done: int):
        params = jax.device_get(state.params)
        metrics = reporter.measure("validation", params)
        score = reporter.score(metrics)
        state = keep_best(state, score, patience=config.patience)
        if done == config.num_updates:
            metrics |= reporter.finish(jax.device_get(state.best.params), done)
        run.log(done, **metrics)
        reporter.plot()
        shown = {name: x for name, x in metrics.items() if isinstance(x, float)}
        return state, shown

    fit(
        run,
        state,
        update,
        evaluate,
        units_per_update=config.num_clips,
        unit="clips",
    )


def predict(directory: Path, flags: PredictFlags) -> int:
    """Answers folders of frames by labels, or writes their next frames.

    Each line of the input is a folder of PNG frames. The next frames are written beside
    it, into a folder with `_forecast` after its name; their grey is the probability of
    white.
    """
    return answer_from(flags, make_reply(load(directory), flags.probabilities))


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[predict])
