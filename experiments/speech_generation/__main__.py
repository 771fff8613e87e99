"""Speech generation: text in, sound out, as log-mel frames or sample by sample.

For frames a decoder attends to the characters of a text, behind a symbol of who speaks;
it predicts some frames at each step, and a bit when all is said. Griffin and Lim's
algorithm makes a sound of them. For samples a network of two tiers predicts each sample
of mu-law from those before it; it says one of the texts that it learned, in a voice
that it learned.

  python -m experiments.speech_generation
  python -m experiments.speech_generation --output samples
  python -m experiments.speech_generation --data-path FOLDER
  python -m experiments.speech_generation --preset fsdd --data-dir DATA --judge RUN
  python -m experiments.speech_generation --resume RUN --say "aio" --speaker low

FOLDER holds WAV files of any rate, and transcripts.tsv: a name, a tab and the text per
line. The default says vowels, which are made by formula. RUN of --judge is one of
`experiments.speech_recognition`, which says what it hears; made vowels are read by
their formula. Sounds and spectrograms are written at every evaluation.

References:
  Wang et al., "Tacotron: Towards End-to-End Speech Synthesis", Interspeech 2017; Shen
  et al., "Natural TTS Synthesis by Conditioning WaveNet on Mel Spectrogram
  Predictions", ICASSP 2018; Mehri et al., "SampleRNN: An Unconditional End-to-End
  Neural Audio Generation Model", ICLR 2017; Griffin and Lim, "Signal Estimation from
  Modified Short-Time Fourier Transform", 1984.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from experiments.data.audio_writing import wav_bytes
from experiments.harness import Run, fit, flag, main
from experiments.harness.names import look_up
from experiments.shared import buckets as bucketing
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.cells import cell_makers
from experiments.shared.compiling import quick_compile
from experiments.shared.devices import make_mesh, replicate, split_batch, start_devices
from experiments.shared.figures import learning_curve
from experiments.shared.optimizers import OptimizerFlags, make_optimizer
from experiments.shared.spectrogram import plot_spectrograms
from experiments.shared.trained import load, save_symbols
from experiments.shared.training import num_weights
from experiments.speech_generation.batches import (
    NUM_LEVELS,
    SILENCE,
    FrameBatcher,
    SampleBatcher,
)
from experiments.speech_generation.judging import check_known, make_judge, share_named
from experiments.speech_generation.loading import (
    Parts,
    Sound,
    SoundFlags,
    Symbols,
    frames_of,
    load_sounds,
    make_symbols,
)
from experiments.speech_generation.saying import (
    SayFlags,
    make_say,
    measure_rate,
    say_to_file,
    sound_of,
)
from rnnjax import cross_entropy
from rnnjax.attention import attend_before, location_aware
from rnnjax.base import Array
from rnnjax.layers import bidirectional, embed, speaker, stack
from rnnjax.models.sample_level import SampleLevel
from rnnjax.models.speaker import Speaker

NUM_SHOWN = 3  # sounds that are written at every evaluation


@dataclasses.dataclass(frozen=True)
class Config(OptimizerFlags, SoundFlags):
    """Flags of speech_generation."""

    cell: str = flag("gru", "recurrent cell, by the name of its maker")
    hidden_size: int = flag(128, "width of the decoder, or of both tiers", minimum=1)
    text_size: int = flag(32, "width of each direction of the encoder", minimum=1)
    num_together: int = flag(2, "frames predicted at each step", minimum=1)
    reading_size: int = flag(64, "width of the layers that read frames", minimum=1)
    dropout_rate: float = flag(0.5, "probability of zeroing in these", minimum=0)
    tier_size: int = flag(16, "samples that the slow tier reads at once", minimum=1)
    batch_size: int = flag(16, "sounds per update", minimum=1)
    learning_rate: float = flag(2e-3, "learning rate", minimum=0)
    patience: int = flag(
        3, "evaluations without a better loss until the rate is halved", minimum=1
    )
    judge: Path | None = flag(
        None, "run of speech_recognition that says what it hears; none: nobody judges"
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
    "fsdd": Config(dataset="fsdd", hidden_size=192, num_updates=2000, eval_every=500),
    "fsdd_samples": Config(
        output="samples", dataset="fsdd", num_updates=600, eval_every=100
    ),
}


def make_model(config: Config, symbols: Symbols, rngs: Any) -> Speaker | SampleLevel:
    """Makes the network, from text to frames or from samples to samples.

    Raises:
      ValueError: if there is no cell of that name.
    """
    make_cell = look_up("cell", config.cell, cell_makers())
    if config.output == "samples":
        return SampleLevel(
            [make_cell(config.hidden_size)],
            NUM_LEVELS,
            frame_size=config.tier_size,
            hidden_size=config.hidden_size,
            label_sizes=(len(symbols.texts), len(symbols.speakers)),
            rngs=rngs,
        )
    size = config.text_size
    functions = speaker(
        stack(embed(size), bidirectional(make_cell(size))),
        attend_before(
            make_cell(config.hidden_size),
            location_aware(64, width=3, num_filters=8),
            memory_size=2 * size,
        ),
        len(symbols.mean),
        num_together=config.num_together,
        reading_sizes=(config.reading_size,) * 2,
        dropout_rate=config.dropout_rate,
    )
    return Speaker(functions, len(symbols.vocabulary), rngs=rngs)


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the sounds, in parts.
      symbols: what numbers stand for.
      batch: `batch(i)`, the batch of update i, on the host.
      validate: `validate(params) -> loss` of the validation part.
      epoch_length: updates per epoch.
      module: the model with its initial parameters.
      loss: `loss(params, batch, key)`: per frame, the absolute error of scaled bands
        and nats of the stop bit; or nats per sample.
      optimizer: the optimizer, including clipping.
      num_devices: devices that share a batch.
    """

    data: Parts
    symbols: Symbols
    batch: Callable[[int], Any]
    validate: Callable[[Any], float]
    epoch_length: int
    module: Speaker | SampleLevel
    loss: Callable[..., Array]
    optimizer: optax.GradientTransformation
    num_devices: int


def prepare(config: Config) -> Prepared:
    """Makes the batches, the module, the loss and the optimizer.

    It starts JAX with the number of devices asked for.

    Raises:
      BadInput: if the validation or the test part has what the training part lacks.
    """
    num_devices = start_devices(
        config.num_devices, config.batch_size, config.hidden_size
    )
    parts = load_sounds(config)
    symbols = make_symbols(parts.train, config)
    of_frames = config.output == "frames"
    check = symbols.encode if of_frames else symbols.labels
    check_known([parts.validation, parts.test], check)
    make = FrameBatcher if of_frames else SampleBatcher
    batcher, other = (
        make(part, symbols, config, config.batch_size)
        for part in (parts.train, parts.validation)
    )
    rows = bucketing.shuffled_batches(batcher.buckets, config.seed)
    module = make_model(config, symbols, nnx.Rngs(jax.random.key(config.seed)))
    graph = nnx.graphdef(module)
    loss_of = _loss_of_frames if of_frames else _loss_of_samples

    def total(params, batch, key):
        return loss_of(nnx.merge(graph, params), batch, key), batch.mask.sum()

    def loss(params, batch, key):
        found, number = total(params, batch, key)
        return found / number

    measure = jax.jit(total, compiler_options=quick_compile())

    def validate(params):
        found = [
            jax.device_get(measure(params, other.batch(rows), None))
            for rows in bucketing.rows_in_order(other.buckets)
        ]
        sums, numbers = zip(*found)
        return float(sum(sums) / sum(numbers))

    return Prepared(
        parts,
        symbols,
        lambda i: batcher.batch(rows(i)),
        validate,
        bucketing.batches_per_epoch(batcher.buckets),
        module,
        loss,
        make_optimizer(config),
        num_devices,
    )


def _loss_of_frames(module, batch, key):
    losses = module.loss(
        batch.text, batch.frames, text_mask=batch.text_mask, mask=batch.mask, key=key
    )
    return jnp.where(batch.mask.any(axis=1), losses, 0).sum()


def _loss_of_samples(module, batch, key):
    del key
    before = jnp.pad(batch.levels[:, :-1], ((0, 0), (1, 0)), constant_values=SILENCE)
    logits = module(before, batch.labels, mask=batch.mask)
    return cross_entropy(logits, batch.levels, batch.mask).sum()


def train(config: Config, run: Run) -> None:
    """Trains the generator that `config` asks for."""
    prepared = prepare(config)
    data, symbols = prepared.data, prepared.symbols
    judge = make_judge(config, config.judge)
    run.record_choice("num_devices", prepared.num_devices)
    for name, digest in data.digests.items():
        run.record_data(name, digest)
    save_symbols(run.directory, symbols)
    mesh = make_mesh(prepared.num_devices)
    state = replicate(initial_state(prepared.module, prepared.optimizer), mesh)
    run.print(
        f"{len(data.train):,} sounds to train on, {prepared.epoch_length} updates per "
        f"epoch; {num_weights(state.params):,} weights"
    )
    _, train_key, say_key = jax.random.split(jax.random.key(config.seed), 3)
    update_batch = make_update(
        prepared.loss, prepared.optimizer, compiler_options=quick_compile()
    )

    def update(state: BestState, i: int):
        batch = split_batch(prepared.batch(i), mesh, axis=0)
        return update_batch(state, batch, train_key, i)

    say = make_say(prepared.module, symbols, config)

    def evaluate(state: BestState, done: int):
        metrics = {"validation_loss": prepared.validate(state.params)}
        state = keep_best(state, -metrics["validation_loss"], patience=config.patience)
        best = state.best.params
        shown = data.validation[:: max(1, len(data.validation) // NUM_SHOWN)]
        show(run, done, shown[:NUM_SHOWN], say_all(best, shown[:NUM_SHOWN]), config)
        if done == config.num_updates:
            metrics |= test(best)
        run.log(done, **metrics)
        run.write_plot("learning_curve", learning_curve(run.metrics()))
        return state, metrics

    def say_all(params, sounds: Sequence[Sound]):
        texts = [one.recording.text for one in sounds]
        speakers = [one.speaker for one in sounds]
        return say(params, texts, speakers, key=say_key)

    def test(params):
        metrics = {}
        if config.output == "samples":
            metrics["samples_per_second"] = measure_rate(say, params, symbols)
        if judge is None:
            return metrics
        # Each text of each speaker is said once, so once it is judged.
        different = {(one.recording.text, one.speaker): one for one in data.test}
        sounds = [*different.values()]
        real = [one.recording.samples for one in data.test]
        given = {
            "test_named": (sounds, say_all(params, sounds)),
            "real_named": (data.test, real),
            "griffin_lim_named": (
                data.test,
                [sound_of(frames_of(samples, config), config) for samples in real],
            ),
        }
        for name, (own, heard) in given.items():
            texts = [one.recording.text for one in own]
            found = judge(heard, [one.speaker for one in own])
            metrics[name] = share_named(found, texts)
            lines = map("\t".join, zip(texts, found))
            run.write_sample(config.num_updates, "\n".join(lines), f"_{name}.txt")
        return metrics

    units = {"units_per_update": config.batch_size, "unit": "sounds"}
    fit(run, state, update, evaluate, **units)


def show(
    run: Run, done: int, sounds: Sequence[Sound], said: Sequence[Any], config: Config
) -> None:
    """Writes what is said as WAV files, and its spectrograms beside real ones."""
    pictures = {}
    for i, ((recording, who), samples) in enumerate(zip(sounds, said)):
        run.write_sample(done, wav_bytes(samples, config.sample_rate), f"_{i}.wav")
        title = f"{recording.text} by {who}"
        pictures[f"{title}, real"] = frames_of(recording.samples, config)
        pictures[f"{title}, generated"] = frames_of(samples, config)
    picture = plot_spectrograms(pictures, config.hop_seconds)
    run.write_plot("spectrograms", picture)


def say(directory: Path, flags: SayFlags) -> int:
    """Writes a text as a WAV file."""
    say_to_file(load(directory), flags)
    return 0


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[say])
