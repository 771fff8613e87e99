"""Handwriting recognition: strokes of a pen in, their text out.

A network of both directions reads the way of the pen; nobody says which points belong
to which character. Connectionist temporal classification sums over all alignments. A
language model of characters, trained by `char_lm`, can weigh the texts.

  python -m experiments.handwriting_recognition
  python -m experiments.handwriting_recognition --data-path my.jsonl
  python -m experiments.handwriting_recognition --preset cursive --data-dir DATA
  python -m experiments.char_lm --run-dir LM
  python -m experiments.handwriting_recognition --language-model LM
  python -m experiments.handwriting_recognition --resume RUN --transcribe new.jsonl \
    --language-model LM

The default reads real sentences that fonts of single strokes have written, in many
slants and by unsteady hands.

References:
  Graves et al., "A Novel Connectionist System for Unconstrained Handwriting
  Recognition", IEEE TPAMI 2009; Graves and Jaitly, "Towards End-to-End Speech
  Recognition with Recurrent Neural Networks", ICML 2014, for the language model.
"""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import optax
from flax import nnx

from experiments.data.stroke_frames import NUM_CHANNELS
from experiments.handwriting_recognition.hands import HandFlags, change_hands
from experiments.handwriting_recognition.loading import InkFlags, load_drawings
from experiments.handwriting_recognition.use import TranscribeFlags, transcribe_files
from experiments.harness import Run, fit, flag, main
from experiments.harness.names import look_up
from experiments.shared import buckets as bucketing
from experiments.shared.augmentation import AugmentationFlags, augment
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.cells import cell_makers
from experiments.shared.compiling import quick_compile
from experiments.shared.devices import make_mesh, replicate, split_batch, start_devices
from experiments.shared.figures import score_curve
from experiments.shared.optimizers import CosineFlags, make_optimizer
from experiments.shared.recognition import measures
from experiments.shared.recognition.batches import Batch, Batcher
from experiments.shared.recognition.examples import (
    Symbols,
    encode,
    make_symbols,
)
from experiments.shared.recognition.fusion import choose_fusion, load_language_model
from experiments.shared.recognition.parts import Parts, drop_unalignable
from experiments.shared.recognition.writing import make_write
from experiments.shared.trained import load, save_symbols
from experiments.shared.training import num_weights
from rnnjax.base import Array
from rnnjax.layers import bidirectional, dropout, recognizer, stack
from rnnjax.models.recognizer import Recognizer


@dataclasses.dataclass(frozen=True)
class Config(HandFlags, AugmentationFlags, CosineFlags, InkFlags):
    """Flags of handwriting_recognition."""

    cell: str = flag("lstm", "recurrent cell, by the name of its maker")
    hidden_size: int = flag(64, "width of the cell of each direction", minimum=1)
    num_layers: int = flag(1, "recurrent layers", minimum=1)
    subsampling: int = flag(2, "points that are read at one step", minimum=1)
    dropout_rate: float = flag(0.1, "probability of zeroing around layers", minimum=0)
    noise_scale: float = flag(
        0.1, "noise added to training drawings, in standard deviations of a channel"
    )
    language_model: Path | None = flag(
        None,
        "run of char_lm; weighs the texts of the test part, as is best on validation",
    )
    beam_size: int = flag(8, "hypotheses of the search on the test part", minimum=1)
    batch_size: int = flag(32, "drawings per update", minimum=1)
    learning_rate: float = flag(4e-3, "learning rate", minimum=0)
    patience: int = flag(
        4, "evaluations without a better score until the rate is halved", minimum=1
    )
    num_updates: int = flag(600, "updates of the parameters in all")
    eval_every: int = flag(100, "updates between two evaluations")
    num_devices: int | None = flag(
        None,
        "devices that share the batch; none: by cores, batch and width",
        resumable=True,
        minimum=1,
    )


PRESETS = {
    "cursive": Config(  # one writer, whose size tells some capitals
        dataset="cursive_words",
        unit_size=False,
        deslant=False,
        spacing=6.0,
        slant_change=0.15,
        size_change=0.1,
        hidden_size=96,
        num_layers=2,
        dropout_rate=0.2,
        num_updates=1000,
        decay_updates=1000,
        eval_every=250,
        checkpoint_every=250,
    ),
}


def make_model(config: Config, symbols: Symbols, rngs: Any) -> Recognizer:
    """Makes the network, from the way of a pen to characters.

    Raises:
      ValueError: if there is no cell of that name.
    """
    make_cell = look_up("cell", config.cell, cell_makers())
    drop = [dropout(config.dropout_rate)] if config.dropout_rate else []
    layers = [*drop]
    for _ in range(config.num_layers):
        layers += [bidirectional(make_cell(config.hidden_size)), *drop]
    functions = recognizer(
        stack(*layers), len(symbols.vocabulary), subsampling=config.subsampling
    )
    return Recognizer(functions, NUM_CHANNELS, rngs=rngs)


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the drawings, in parts.
      left_out: the names of those whose points are too few for their text.
      symbols: what the numbers stand for.
      batch: `batch(i)`, the batch of update i, on the host.
      epoch_length: updates per epoch.
      module: the recognizer with its initial parameters.
      loss: `loss(params, batch, key) -> nats per symbol`.
      optimizer: the optimizer, including clipping.
      num_devices: devices that share a batch.
    """

    data: Parts
    left_out: list[str]
    symbols: Symbols
    batch: Callable[[int], Batch]
    epoch_length: int
    module: Recognizer
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
    parts, left_out = drop_unalignable(
        load_drawings(config),
        "characters",
        config.subsampling,
        skip=config.skip_unalignable,
    )
    symbols = make_symbols(parts.train, "characters")
    batcher = Batcher(encode(parts.train, symbols), config.batch_size)
    rows = bucketing.shuffled_batches(batcher.buckets, config.seed)
    init_key, _ = jax.random.split(jax.random.key(config.seed))
    module = make_model(config, symbols, nnx.Rngs(init_key))
    graph = nnx.graphdef(module)

    def loss(params, batch, key):
        hand_key, augment_key, drop_key = jax.random.split(key, 3)
        frames = change_hands(config, hand_key, batch.frames, batch.mask, symbols)
        given = frames, batch.targets[:, 0], batch.mask
        frames, _ = augment(config, augment_key, *given)
        found = nnx.merge(graph, params).loss(
            frames,
            batch.targets,
            mask=batch.mask,
            target_mask=batch.target_mask,
            key=drop_key,
        )
        return found.nats.sum() / batch.target_mask.sum()

    return Prepared(
        parts,
        left_out,
        symbols,
        lambda i: batcher.batch(rows(i)),
        bucketing.batches_per_epoch(batcher.buckets),
        module,
        loss,
        make_optimizer(config),
        num_devices,
    )


def train(config: Config, run: Run) -> None:
    """Trains the recognizer that `config` asks for."""
    prepared = prepare(config)
    data, symbols = prepared.data, prepared.symbols
    run.record_choice("num_devices", prepared.num_devices)
    for name, digest in data.digests.items():
        run.record_data(name, digest)
    save_symbols(run.directory, symbols)
    mesh = make_mesh(prepared.num_devices)
    state = replicate(initial_state(prepared.module, prepared.optimizer), mesh)
    run.print(
        f"{len(data.train):,} drawings to train on, {prepared.epoch_length} updates "
        f"per epoch; {len(symbols.vocabulary)} symbols; "
        f"{num_weights(state.params):,} weights"
    )
    if prepared.left_out:
        names = ", ".join(prepared.left_out)
        run.print(f"{len(prepared.left_out)} left out, with too few points: {names}")
    _, train_key = jax.random.split(jax.random.key(config.seed))
    update_batch = make_update(
        prepared.loss, prepared.optimizer, compiler_options=quick_compile()
    )

    def update(state: BestState, i: int):
        batch = split_batch(prepared.batch(i), mesh, axis=0)
        return update_batch(state, batch, train_key, i)

    given = prepared.module, symbols, config.batch_size
    write, measure = make_write(*given), measures.make_measure(*given)
    validation = encode(data.validation, symbols)

    test_metrics = make_test(prepared, config)

    def evaluate(state: BestState, done: int):
        written = write(state.params, validation)
        metrics = measure(
            "validation", state.params, data.validation, validation, written
        )
        state = keep_best(state, measures.score_of(metrics), patience=config.patience)
        run.write_sample(done, measures.show_texts(data.validation, written))
        if done == config.num_updates:
            found, written = test_metrics(state.best.params)
            metrics |= found
            errors = measures.show_errors(data.test, written)
            run.write_sample(done, errors, "_errors.txt")
        run.log(done, **metrics)
        curve = score_curve(
            run.metrics(), "validation_error_rate", ylabel="nats per symbol"
        )
        run.write_plot("learning_curve", curve)
        return state, metrics

    units = {"units_per_update": config.batch_size, "unit": "drawings"}
    fit(run, state, update, evaluate, **units)


def make_test(
    prepared: Prepared, config: Config
) -> Callable[[Any], tuple[dict[str, float], list[str]]]:
    """Makes `test(params)`: metrics of the test part, and what was written at last.

    `test_` are those of greedy decoding, `test_beam_` of the beam, and `test_fused_` of
    the beam with the language model, whose weight and bonus are chosen on validation.
    """
    module, symbols = prepared.module, prepared.symbols
    given = module, symbols, config.batch_size
    measure = measures.make_measure(*given)
    validation, test = prepared.data.validation, prepared.data.test
    model = None
    if config.language_model is not None:
        model = load_language_model(config.language_model, symbols)

    def run_test(params):
        of_validation, of_test = encode(validation, symbols), encode(test, symbols)
        written = make_write(*given)(params, of_test)
        metrics = measure("test", params, test, of_test, written)

        def errors(examples, written):
            return measures.errors_of(examples, written, symbols.units).rate

        if config.beam_size > 1:
            written = make_write(*given, beam_size=config.beam_size)(params, of_test)
            metrics["test_beam_error_rate"] = errors(test, written)
        if model is not None:
            sizes = {"beam_size": config.beam_size, "language_model": model}
            fused = make_write(*given, **sizes)
            fusion, rate = choose_fusion(
                lambda own: errors(validation, fused(params, of_validation, *own))
            )
            written = fused(params, of_test, *fusion)
            metrics |= {
                "language_weight": fusion.weight,
                "bonus": fusion.bonus,
                "validation_fused_error_rate": rate,
                "test_fused_error_rate": errors(test, written),
            }
        return metrics, written

    return run_test


def transcribe(directory: Path, flags: TranscribeFlags) -> int:
    """Writes the text of drawings, a line for each."""
    return transcribe_files(load(directory), flags, sys.stdout)


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[transcribe])
