"""Speech recognition: recordings in, words, characters or phonemes out.

A network reads log-mel frames, several of them at each step; nobody says which frames
belong to which symbol. Connectionist temporal classification sums over all alignments,
and takes the symbols as independent given the frames; a transducer also reads the
symbols before. A network of one direction recognizes a stream, while it comes.

  python -m experiments.speech_recognition
  python -m experiments.speech_recognition --data-path FOLDER
  python -m experiments.speech_recognition --preset espeak --data-dir DATA
  python -m experiments.speech_recognition --resume RUN --transcribe a.wav b.wav
  arecord -f S16_LE -r 8000 | python -m experiments.speech_recognition --resume RUN \
    --transcribe --sample-rate 8000
  python -m experiments.speech_recognition --resume RUN --align FOLDER

FOLDER holds WAV files of any rate, and transcripts.tsv: a name, a tab and the text per
line. The default names the notes of made tunes.

References:
  Graves, Fernández, Gomez and Schmidhuber, "Connectionist Temporal Classification",
  ICML 2006; Graves, "Sequence Transduction with Recurrent Neural Networks", 2012;
  Graves, Mohamed and Hinton, "Speech Recognition with Deep Recurrent Neural Networks",
  ICASSP 2013; Park et al., "SpecAugment", Interspeech 2019.
"""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import optax
from flax import nnx

from experiments.harness import Run, fit, flag, main
from experiments.harness.names import look_up
from experiments.shared import buckets as bucketing
from experiments.shared.augmentation import AugmentationFlags, augment
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.cells import cell_makers
from experiments.shared.compiling import quick_compile
from experiments.shared.devices import make_mesh, replicate, split_batch, start_devices
from experiments.shared.figures import score_curve
from experiments.shared.optimizers import OptimizerFlags, make_optimizer
from experiments.shared.recognition import measures
from experiments.shared.recognition.batches import Batch, Batcher
from experiments.shared.recognition.examples import (
    Symbols,
    encode,
    make_symbols,
)
from experiments.shared.recognition.parts import Parts, drop_unalignable
from experiments.shared.recognition.writing import make_write
from experiments.shared.trained import load, save_symbols
from experiments.shared.training import num_weights
from experiments.shared.warping import WarpFlags, warp
from experiments.speech_recognition.loading import load_recordings
from experiments.speech_recognition.recordings import SpeechFlags
from experiments.speech_recognition.use import (
    AlignFlags,
    TranscribeFlags,
    align_folder,
    transcribe_files,
    transcribe_stream,
)
from rnnjax.base import Array
from rnnjax.layers import bidirectional, dropout, embed, recognizer, recurrent, stack
from rnnjax.models.recognizer import Recognizer


@dataclasses.dataclass(frozen=True)
class Config(WarpFlags, AugmentationFlags, OptimizerFlags, SpeechFlags):
    """Flags of speech_recognition."""

    loss: Literal["ctc", "transducer"] = flag(
        "ctc", "ctc: symbols are independent given the frames; transducer: they are not"
    )
    streaming: bool = flag(False, "read in one direction, so that text comes at once")
    cell: str = flag("gru", "recurrent cell, by the name of its maker")
    hidden_size: int = flag(48, "width of the cell of each direction", minimum=1)
    num_layers: int = flag(1, "recurrent layers", minimum=1)
    subsampling: int = flag(3, "frames that are read at one step", minimum=1)
    joint_size: int = flag(64, "width of what a transducer joins", minimum=1)
    prediction_size: int = flag(
        32, "width of a transducer's vectors of symbols and of their cell", minimum=1
    )
    dropout_rate: float = flag(0.1, "probability of zeroing around layers", minimum=0)
    batch_size: int = flag(32, "recordings per update", minimum=1)
    learning_rate: float = flag(4e-3, "learning rate", minimum=0)
    patience: int = flag(
        4, "evaluations without a better score until the rate is halved", minimum=1
    )
    beam_size: int = flag(1, "hypotheses of the search on the test part; 1: greedy")
    num_updates: int = flag(600, "updates of the parameters in all")
    eval_every: int = flag(100, "updates between two evaluations")
    num_devices: int | None = flag(
        None,
        "devices that share the batch; none: by cores, batch and width",
        resumable=True,
        minimum=1,
    )

    def __post_init__(self):
        """Checks flags that depend on each other."""
        super().__post_init__()
        if not 1 <= self.beam_size <= (1 if self.loss == "transducer" else 1000):
            raise ValueError(
                "beam_size must be from 1 to 1000, and 1 for a transducer, got "
                f"{self.beam_size}."
            )


AUGMENTED = Config(
    max_stretch=0.1, max_warp=0.1, noise_scale=0.2, time_mask=12, channel_mask=6
)
PRESETS = {
    "yesno": dataclasses.replace(
        AUGMENTED,
        dataset="yesno",
        subsampling=4,
        dropout_rate=0.2,
        num_updates=250,
        eval_every=50,
    ),
    "fsdd_strings": dataclasses.replace(
        AUGMENTED,
        dataset="fsdd_strings",
        subsampling=4,
        hidden_size=96,
        num_layers=2,
        learning_rate=3e-3,
        patience=2,
        num_updates=800,
        eval_every=100,
    ),
    "espeak": dataclasses.replace(
        AUGMENTED,
        dataset="espeak",
        subsampling=2,
        hidden_size=128,
        num_layers=2,
        dropout_rate=0.3,
        batch_size=16,
        learning_rate=3e-3,
        patience=2,
        num_updates=1200,
        eval_every=100,
    ),
}


def make_model(config: Config, symbols: Symbols, rngs: Any) -> Recognizer:
    """Makes the network, from frames to symbols.

    Raises:
      ValueError: if there is no cell of that name.
    """
    make_cell = look_up("cell", config.cell, cell_makers())
    drop = [dropout(config.dropout_rate)] if config.dropout_rate else []
    layers = [*drop]
    for _ in range(config.num_layers):
        cell = make_cell(config.hidden_size)
        layers += [recurrent(cell) if config.streaming else bidirectional(cell), *drop]
    predictor = None
    if config.loss == "transducer":
        reads = recurrent(make_cell(config.prediction_size))
        predictor = stack(embed(config.prediction_size), *drop, reads, *drop)
    functions = recognizer(
        stack(*layers),
        len(symbols.vocabulary),
        subsampling=config.subsampling,
        predictor=predictor,
        joint_size=config.joint_size,
    )
    return Recognizer(functions, len(symbols.mean), rngs=rngs)


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the recordings, in parts.
      left_out: the names of those whose frames are too few for their text.
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
    parts, left_out = load_recordings(config), []
    if config.loss == "ctc":  # any number of symbols fits a transducer's step
        parts, left_out = drop_unalignable(
            parts,
            config.chosen_units,
            config.subsampling,
            skip=config.skip_unalignable,
        )
    symbols = make_symbols(parts.train, config.chosen_units)
    batcher = Batcher(encode(parts.train, symbols), config.batch_size)
    rows = bucketing.shuffled_batches(batcher.buckets, config.seed)
    init_key, _ = jax.random.split(jax.random.key(config.seed))
    module = make_model(config, symbols, nnx.Rngs(init_key))
    graph = nnx.graphdef(module)

    def loss(params, batch, key):
        warp_key, augment_key, drop_key = jax.random.split(key, 3)
        frames, mask = warp(config, warp_key, batch.frames, batch.mask)
        frames, _ = augment(config, augment_key, frames, batch.targets[:, 0], mask)
        found = nnx.merge(graph, params).loss(
            frames,
            batch.targets,
            mask=mask,
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
        f"{len(data.train):,} recordings to train on, {prepared.epoch_length} updates "
        f"per epoch; {len(symbols.vocabulary)} symbols; "
        f"{num_weights(state.params):,} weights"
    )
    if prepared.left_out:
        names = ", ".join(prepared.left_out)
        run.print(f"{len(prepared.left_out)} left out, with too few frames: {names}")
    _, train_key = jax.random.split(jax.random.key(config.seed))
    update_batch = make_update(
        prepared.loss, prepared.optimizer, compiler_options=quick_compile()
    )

    def update(state: BestState, i: int):
        batch = split_batch(prepared.batch(i), mesh, axis=0)
        return update_batch(state, batch, train_key, i)

    given = prepared.module, symbols, config.batch_size
    write, measure = make_write(*given), measures.make_measure(*given)
    validation, test = (encode(part, symbols) for part in (data.validation, data.test))

    def evaluate(state: BestState, done: int):
        written = write(state.params, validation)
        metrics = measure(
            "validation", state.params, data.validation, validation, written
        )
        state = keep_best(state, measures.score_of(metrics), patience=config.patience)
        run.write_sample(done, measures.show_texts(data.validation, written))
        if done == config.num_updates and data.test:
            params = state.best.params
            search = write
            if config.beam_size > 1:
                search = make_write(*given, beam_size=config.beam_size)
            written = search(params, test)
            metrics |= measure("test", params, data.test, test, written)
            errors = measures.show_errors(data.test, written)
            run.write_sample(done, errors, "_errors.txt")
        run.log(done, **metrics)
        curve = score_curve(
            run.metrics(), "validation_error_rate", ylabel="nats per symbol"
        )
        run.write_plot("learning_curve", curve)
        return state, metrics

    units = {"units_per_update": config.batch_size, "unit": "recordings"}
    fit(run, state, update, evaluate, **units)


def transcribe(directory: Path, flags: TranscribeFlags) -> int:
    """Writes the text of WAV files, or of raw samples from standard input."""
    trained = load(directory)
    if flags.files:
        return transcribe_files(trained, flags, sys.stdout)
    transcribe_stream(trained, flags, sys.stdin.buffer, sys.stdout)
    return 0


def align(directory: Path, flags: AlignFlags) -> int:
    """Writes when each word is said, of recordings whose texts are known."""
    return align_folder(load(directory), flags, sys.stdout)


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[transcribe, align])
