"""Polyphonic music: Elman, GRU and LSTM predict which keys are down next.

A piece is a piano roll of 88 keys. A network reads it frame by frame and gives each key
of the next frame a probability of its own. It learns from batches of whole pieces,
padded and masked; the parameters that validate best are kept and judged on the test
pieces. Samples go on from a given beginning, as MIDI files and as pictures.

  python -m experiments.polyphonic_music
  python -m experiments.polyphonic_music --preset jsb --model gru --data-dir DATA
  python -m experiments.polyphonic_music --preset nottingham --method regularized
  python -m experiments.polyphonic_music --midi-dir my_music --prompt beginning.mid
  python -m experiments.polyphonic_music --resume RUN --sample 200 --temperature 0.8

With no argument it learns canons made at random, of which the least possible cross
entropy is known. Two measures are printed, both in nats a frame of all keys, frame 1 of
a piece not counted: all frames pooled, as Bai et al. count, and the mean over pieces.

The presets jsb and nottingham take minutes on a core. bai_jsb and bai_nottingham have
the published widths, dropout, forget bias and batches of one piece of the LSTMs of Bai
et al.; learning rates that are not published are those of their program.

To compare with, on the test pieces, pooled: JSB 8.91 (Elman), 8.43 (GRU), 8.45 (LSTM);
Nottingham 4.05, 3.46, 3.29 (Bai et al.), and there an Elman network trained plainly
3.80, with clipping 3.48, clipped and regularised 3.36 (Pascanu et al.). What these
commands reached, where and how long it took is in the README.

References:
  Boulanger-Lewandowski, Bengio and Vincent, "Modeling Temporal Dependencies in
  High-Dimensional Sequences", ICML 2012, for the data. Pascanu, Mikolov and Bengio, "On
  the difficulty of training recurrent neural networks", ICML 2013. Bai, Kolter and
  Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for
  Sequence Modeling", 2018.
"""

import dataclasses

import jax
import numpy as np

from experiments.harness import Run, fit, main, restore
from experiments.music.baselines import baselines
from experiments.music.batches import cut_pieces, draw_batches, make_batches
from experiments.music.config import MusicConfig as Config
from experiments.music.config import make_network
from experiments.music.evaluation import measure
from experiments.music.midi import read_midi, write_midi
from experiments.music.pieces import Music, load_music
from experiments.music.samples import draw_frames, draw_rolls
from experiments.music.training import (
    TrainState,
    begin_at_frequencies,
    initial_state,
    judge,
    make_update,
)
from experiments.shared.figures import learning_curve

JSB = Config(
    dataset="jsb_chorales",
    hidden_size=200,
    dropout_rate=0.5,
    recurrent_dropout_rate=0.4,
    learning_rate=5e-3,
    num_updates=800,
    eval_every=20,
    checkpoint_every=100,
)
NOTTINGHAM = Config(
    dataset="nottingham",
    model="elman",
    hidden_size=300,
    dropout_rate=0.1,
    weight_noise=0.02,
    learning_rate=3e-3,
    patience=2,
    num_updates=40 * 61,
    eval_every=61,
    checkpoint_every=305,
)
BAI_JSB = Config(
    dataset="jsb_chorales",
    hidden_size=200,
    num_layers=2,
    dropout_rate=0.2,
    batch_size=1,
    learning_rate=1e-3,
    decay_rate=0.1,
    forget_bias=10.0,
    num_updates=100 * 229,
    eval_every=229,
    checkpoint_every=229,
)
BAI_NOTTINGHAM = dataclasses.replace(
    BAI_JSB,
    dataset="nottingham",
    hidden_size=500,
    num_layers=1,
    dropout_rate=0.1,
    num_steps=2048,
    learning_rate=4e-3,
    forget_bias=1.0,
    num_updates=100 * 694,
    eval_every=694,
    checkpoint_every=694,
)
PRESETS = {
    "jsb": JSB,
    "nottingham": NOTTINGHAM,
    "bai_jsb": BAI_JSB,
    "bai_nottingham": BAI_NOTTINGHAM,
}


def train(config: Config, run: Run) -> None:
    """Trains the network that `config` asks for."""
    music = load(config)
    for name, digest in music.digests.items():
        run.record_data(name, digest)
    prompt = load_prompt(config, music)
    layer = make_network(config)
    init_key, train_key, sample_key = jax.random.split(jax.random.key(config.seed), 3)
    state = initial_state(config, layer, init_key)
    state = begin_at_frequencies(state, music.train)
    levels = describe(config, run, music, state)
    validation, test = make_batches(music.validation), make_batches(music.test)
    pieces = cut_pieces(music.train, config.num_steps)
    num_batches, batch = draw_batches(pieces, config.batch_size, config.seed)
    run.print(f"{num_batches} updates an epoch")
    update_batch = make_update(config, train_key, num_batches)

    def update(state: TrainState, i: int) -> tuple[TrainState, dict[str, jax.Array]]:
        state, metrics = update_batch(state, batch(i), i)
        if (i + 1) % config.eval_every == 0:
            loss = measure(layer, state.params, validation).pooled
            state = judge(state, loss, config)
        return state, metrics

    def evaluate(state: TrainState, done: int) -> tuple[TrainState, dict[str, float]]:
        loss = measure(layer, state.params, validation)
        metrics = {
            "validation_loss": loss.pooled,
            "validation_loss_over_pieces": loss.over_pieces,
        }
        best = judge(state, loss.pooled, config)
        if done == config.num_updates:
            loss = measure(layer, best.best_params, test)
            metrics["best_validation_loss"] = float(best.best_loss)
            metrics["test_loss"] = loss.pooled
            metrics["test_loss_over_pieces"] = loss.over_pieces
            run.print(
                f"test, at the best validation: {loss.pooled:.3f} nats a frame, frames "
                f"pooled; {loss.over_pieces:.3f} as a mean over pieces"
            )
        run.log(done, **metrics)
        roll = draw_frames(
            layer,
            best.best_params,
            prompt[: config.prompt_frames],
            config.sample_length,
            jax.random.fold_in(sample_key, done),
            config.temperature,
        )
        run.write_sample(done, write_midi(roll, config.frames_per_beat), ".mid")
        run.write_plot("piano_roll", draw_sample(config, prompt, roll))
        figure = learning_curve(run.metrics(), levels=levels, ylabel="nats a frame")
        run.write_plot("learning_curve", figure)
        return state, metrics

    fit(
        run,
        state,
        update,
        evaluate,
        units_per_update=sum(len(piece) - 1 for piece in pieces) / num_batches,
        unit="frames",
    )


def sample(config: Config, run: Run, num_frames: int) -> None:
    """Writes a sample of the network that a run trained, and its picture.

    Raises:
      ValueError: if the run has no checkpoint yet.
    """
    prompt = load_prompt(config, load(config))
    layer = make_network(config)
    key = jax.random.key(config.seed)
    _, state = restore(run.directory, initial_state(config, layer, key))
    given = prompt[: config.prompt_frames]
    roll = draw_frames(
        layer, state.best_params, given, num_frames, key, config.temperature
    )
    config.sample_path.write_bytes(write_midi(roll, config.frames_per_beat))
    picture = config.sample_path.with_suffix(".png")
    draw_sample(config, prompt, roll).savefig(picture)
    run.print(f"{config.sample_path} and {picture}")


def load(config: Config) -> Music:
    """Loads the music."""
    return load_music(
        config.dataset, config.midi_dir, config.data_dir, config.frames_per_beat
    )


def load_prompt(config: Config, music: Music) -> np.ndarray:
    """Loads the piece whose beginning samples go on from."""
    if config.prompt is None:
        return music.test[0]
    return read_midi(config.prompt, config.frames_per_beat)


def describe(
    config: Config, run: Run, music: Music, state: TrainState
) -> dict[str, float]:
    """Says what is learned by what, and what it costs without a network.

    Returns:
      Nats a frame on the test pieces, pooled, by what predicts them.
    """
    parts = (music.train, music.validation, music.test)
    numbers = ", ".join(str(len(part)) for part in parts)
    frames = sum(map(len, music.train))
    run.print(f"{numbers} pieces, {frames:,} frames to learn")
    num_weights = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    run.print(f"{config.model}, {num_weights:,} weights")
    levels = {
        name: nats.pooled for name, nats in baselines(music.train, music.test).items()
    }
    if music.floor is not None:
        levels["least possible"] = music.floor
    for name, nats in levels.items():
        run.print(f"{name}: {nats:.3f} nats a frame of the test pieces")
    return levels


def draw_sample(config: Config, prompt: np.ndarray, roll: np.ndarray):
    """Draws a sample, and below it the piece that it was to go on with."""
    given = min(len(prompt), config.prompt_frames)
    rolls = {"drawn after a given beginning": roll}
    if len(prompt) > given:
        rolls["the piece that begins so"] = prompt[: len(roll)]
    return draw_rolls(rolls, given)


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, sample=sample)
