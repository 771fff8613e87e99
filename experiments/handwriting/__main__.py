"""Handwriting: a network that writes, and writes what it is told.

An LSTM of one to three layers predicts where the pen goes next, as a mixture of twenty
normal densities of the offset, and whether it is lifted. What it draws from its own
densities is handwriting. Told a text, it looks at it through a soft window that only
moves ahead, and writes it; after a real line it goes on in that line's style.

  python -m experiments.handwriting
  python -m experiments.handwriting --condition text
  python -m experiments.handwriting --data-path my.jsonl --condition text
  python -m experiments.handwriting --preset cursive --data-dir DATA
  python -m experiments.handwriting --preset cursive_synthesis --judge READER
  python -m experiments.handwriting --resume RUN --write "some words" --prime line.jsonl

The default learns lines of words that a font of single strokes writes, in many slants
and sizes. Losses are nats per point, of offsets scaled to a standard deviation of 1.
READER is a run of handwriting_recognition, which reads what is written at the end.

References:
  Graves, "Generating Sequences With Recurrent Neural Networks", 2013, sections 4 and 5.
"""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import optax
from flax import nnx

from experiments.data.stroke_drawing import to_svg
from experiments.data.stroke_sets import StrokeParts
from experiments.handwriting import pictures, report
from experiments.handwriting.batches import Batch, Batcher
from experiments.handwriting.judging import load_judge, measure_readability
from experiments.handwriting.loading import (
    StrokeFlags,
    Symbols,
    encode,
    load_drawings,
    make_symbols,
)
from experiments.handwriting.writing import WriteFlags, make_write, write_files
from experiments.harness import Run, fit, flag, main
from experiments.shared import buckets as bucketing
from experiments.shared.baselines.window_mlp import window_mlp
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.compiling import quick_compile
from experiments.shared.devices import make_mesh, replicate, split_batch, start_devices
from experiments.shared.figures import learning_curve
from experiments.shared.optimizers import CosineFlags, make_optimizer
from experiments.shared.trained import load, save_symbols
from experiments.shared.training import num_weights
from rnnjax import lstm
from rnnjax.base import Array
from rnnjax.losses import graves_mixture
from rnnjax.models.handwriting import Handwriting

NUM_SHOWN = 5  # lines of the data, and as many drawn, in a picture


@dataclasses.dataclass(frozen=True)
class Config(CosineFlags, StrokeFlags):
    """Flags of handwriting."""

    model: Literal["lstm", "window"] = flag(
        "lstm",
        "lstm, or a feed-forward window over the last points with as many weights",
    )
    hidden_size: int = flag(128, "width of each layer", minimum=1)
    num_layers: int = flag(1, "layers, one to three", minimum=1)
    num_mixture: int = flag(20, "normal densities in the mixture", minimum=1)
    num_window: int = flag(6, "components of the window over a text", minimum=1)
    window_size: int = flag(16, "points that the feed-forward window sees", minimum=1)
    least_sigma: float = flag(
        0.01, "floor of standard deviations, where that of all offsets is 1"
    )
    bias: float = flag(1.0, "how much neater the samples are than the data", minimum=0)
    judge: Path | None = flag(
        None, "run of handwriting_recognition that reads what is written at the end"
    )
    batch_size: int = flag(32, "drawings per update", minimum=1)
    learning_rate: float = flag(4e-3, "learning rate", minimum=0)
    max_norm: float | None = flag(5.0, "global norm to which gradients are clipped")
    patience: int = flag(
        2, "evaluations without a better score until the rate is halved", minimum=1
    )
    num_updates: int = flag(600, "updates of the parameters in all")
    eval_every: int = flag(150, "updates between two evaluations")
    checkpoint_every: int = flag(150, "updates between two checkpoints")
    num_devices: int | None = flag(
        None,
        "devices that share the batch; none: by cores, batch and width",
        resumable=True,
        minimum=1,
    )

    def __post_init__(self):
        """Checks flags that depend on each other."""
        super().__post_init__()
        if self.num_layers > 3:
            raise ValueError(f"num_layers must be at most 3, got {self.num_layers}.")
        if not self.least_sigma > 0:
            raise ValueError(f"least_sigma must be positive, got {self.least_sigma}.")
        if self.model == "window" and self.has_text:
            raise ValueError("condition must be none with the model window.")
        if self.judge is not None and not self.has_text:
            raise ValueError("judge needs the condition text.")


CURSIVE = Config(
    dataset="cursive_words", num_updates=1200, eval_every=200, checkpoint_every=200
)
SYNTHESIS = Config(
    condition="text",
    num_layers=2,
    num_updates=1800,
    decay_updates=1800,
    eval_every=300,
    checkpoint_every=300,
)
PRESETS = {
    "cursive": CURSIVE,
    "cursive_two_layers": dataclasses.replace(CURSIVE, num_layers=2),
    "cursive_three_layers": dataclasses.replace(CURSIVE, num_layers=3),
    "cursive_window": dataclasses.replace(CURSIVE, model="window"),
    "synthesis": SYNTHESIS,
    "cursive_synthesis": dataclasses.replace(SYNTHESIS, dataset="cursive_words"),
}


def make_model(config: Config, symbols: Symbols, rngs: Any) -> Handwriting:
    """Makes the network, from offsets to the densities of the next ones."""
    density = graves_mixture(
        config.num_mixture, log_scale_range=(math.log(config.least_sigma), 5.0)
    )
    if config.model == "window":
        width = window_width(config, density.num_outputs)
        layers = [window_mlp(config.window_size, width)]
    else:
        layers = [lstm(config.hidden_size)] * config.num_layers
    return Handwriting(
        layers,
        density=density,
        text_size=None if symbols.characters is None else len(symbols.characters),
        num_components=config.num_window,
        pace=symbols.pace,
        rngs=rngs,
    )


def window_width(config: Config, num_outputs: int) -> int:
    """Returns the width at which the window has as many weights as the LSTM."""
    size, weights = config.hidden_size, num_outputs
    below = 3
    for _ in range(config.num_layers):
        weights += 4 * size * (below + size + 1) + size * num_outputs
        below = size + 3
    return round((weights - num_outputs) / (3 * config.window_size + 1 + num_outputs))


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the drawings, in parts.
      digests: SHA-256 of every file, by name.
      symbols: what a run keeps of them.
      batch: `batch(i)`, the batch of update i, on the host.
      epoch_length: updates per epoch.
      module: the model with its initial parameters.
      loss: `loss(params, batch, key) -> nats per point`; it draws nothing.
      optimizer: the optimizer, including clipping.
      num_devices: devices that share a batch.
    """

    data: StrokeParts
    digests: dict[str, str]
    symbols: Symbols
    batch: Callable[[int], Batch]
    epoch_length: int
    module: Handwriting
    loss: Callable[..., Array]
    optimizer: optax.GradientTransformation
    num_devices: int


def prepare(config: Config) -> Prepared:
    """Makes the batches, the module, the loss and the optimizer.

    It starts JAX with the number of devices asked for.
    """
    num_devices = start_devices(
        config.num_devices, config.batch_size, config.hidden_size
    )
    parts, digests = load_drawings(config)
    symbols = make_symbols(parts.train, parts.grid, config.has_text)
    encoded = encode(parts.train, symbols)
    batcher = Batcher(encoded, symbols, config.batch_size)
    rows = bucketing.shuffled_batches(batcher.buckets, config.seed)
    module = make_model(config, symbols, nnx.Rngs(jax.random.key(config.seed)))
    graph = nnx.graphdef(module)

    def loss(params, batch, _):
        return report.nats_of(graph, params, batch).sum() / batch.mask.sum()

    return Prepared(
        parts,
        digests,
        symbols,
        lambda i: batcher.batch(rows(i), (0, config.seed, i)),
        bucketing.batches_per_epoch(batcher.buckets),
        module,
        loss,
        make_optimizer(config),
        num_devices,
    )


def train(config: Config, run: Run) -> None:
    """Trains the network that `config` asks for."""
    prepared = prepare(config)
    symbols, parts = prepared.symbols, prepared.data
    run.record_choice("num_devices", prepared.num_devices)
    for name, digest in prepared.digests.items():
        run.record_data(name, digest)
    save_symbols(run.directory, symbols)
    mesh = make_mesh(prepared.num_devices)
    state = replicate(initial_state(prepared.module, prepared.optimizer), mesh)
    counts = ", ".join(f"{len(part):,}" for part in parts[:3])
    run.print(f"{num_weights(state.params):,} weights; {counts} drawings")
    update_batch = make_update(
        prepared.loss, prepared.optimizer, compiler_options=quick_compile()
    )

    def update(state: BestState, i: int):
        batch = split_batch(prepared.batch(i), mesh, axis=0)
        return update_batch(state, batch, None, i)

    measure = report.make_measure(prepared.module, symbols, config.batch_size)
    write = make_write(prepared.module, symbols)
    density_map = pictures.make_density_map(prepared.module, symbols)
    read = config.judge and load_judge(config.judge, parts.test)
    shown = parts.validation[:NUM_SHOWN]
    texts = [own.text or "" for own in shown] if config.has_text else [""] * len(shown)

    def show(done: int, params: Any) -> None:
        """Draws lines, and where the window was over the first of them."""
        written = write(params, texts, done, bias=config.bias)
        run.write_sample(done, to_svg(written[0].strokes), ".svg")
        lines = [(f"data: {own.text or ''}", own.strokes) for own in shown]
        lines += [(f"drawn: {own.text}", own.strokes) for own in written]
        run.write_plot("lines", pictures.plot_lines(lines))
        densities = pictures.plot_densities(density_map(params, shown[0]))
        run.write_plot("densities", densities)
        if config.has_text:
            run.write_plot("window", pictures.plot_window(written[0], symbols))

    def evaluate(state: BestState, done: int):
        loss = measure(state.params, parts.validation)
        state = keep_best(state, -loss, patience=config.patience)
        metrics = {"validation_loss": loss}
        if done == config.num_updates:
            metrics |= test(state.best.params)
        run.log(done, **metrics)
        curve = learning_curve(run.metrics(), ylabel="nats per point")
        run.write_plot("learning_curve", curve)
        show(done, state.best.params)
        return state, metrics

    def test(params: Any) -> dict[str, float]:
        metrics = {"test_loss": measure(params, parts.test)}
        if read is not None:
            found = measure_readability(
                write, params, read, parts.test, bias=config.bias
            )
            metrics |= {
                "test_written_error_rate": found.written,
                "test_real_error_rate": found.real,
                "test_ended": found.ended,
            }
            lines = "\n".join(map("\t".join, found.texts))
            run.write_sample(config.num_updates, lines, "_read.txt")
        if config.has_text and config.dataset_name == "rendered":
            primes = parts.test[: report.NUM_PRIMES]
            likeness = report.measure_likeness(write, params, primes)
            metrics |= {
                "test_slant_correlation": likeness.slant,
                "test_size_correlation": likeness.size,
                "test_primed_ended": likeness.ended,
            }
            primed = zip(primes[:NUM_SHOWN], likeness.strokes)
            lines = [
                line
                for prime, strokes in primed
                for line in ((f"data: {prime.text}", prime.strokes), ("drawn", strokes))
            ]
            run.write_plot("primes", pictures.plot_lines(lines))
        return metrics

    units = {"units_per_update": config.batch_size, "unit": "drawings"}
    fit(run, state, update, evaluate, **units)


def write(directory: Path, flags: WriteFlags) -> int:
    """Writes a text as SVG and PNG, in the style of a prime if there is one."""
    trained = load(directory, experiment="experiments.handwriting")
    for path in write_files(directory, trained, flags):
        print(path)
    return 0


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[write])
