"""Polyphonic music: Elman, GRU and LSTM networks predict which keys are down next.

A piece is a piano roll of 88 keys. A network reads it frame by frame and gives each key
of the next frame a probability of its own. It is trained on batches of whole pieces,
padded and masked; the parameters with the best validation loss are kept and tested.
Samples continue a given beginning, as MIDI files and as pictures.

  python -m experiments.polyphonic_music
  python -m experiments.polyphonic_music --preset jsb --cell gru --data-dir DATA
  python -m experiments.polyphonic_music --preset nottingham --method regularized
  python -m experiments.polyphonic_music --data-path my_music --prompt beginning.mid
  python -m experiments.polyphonic_music --resume RUN --sample 200 --temperature 0.8

By default it learns randomly generated canons, whose least possible loss is known. The
loss is in nats per frame, summed over the keys; the first frame of a piece is not
predicted. It is printed averaged over all frames, as in Bai et al., and averaged over
the pieces' own means.

Published losses of the test pieces, averaged over frames: JSB 8.91 (Elman), 8.43 (GRU),
8.45 (LSTM); Nottingham 4.05, 3.46, 3.29 (Bai et al.); an Elman network on Nottingham
3.80 without clipping, 3.48 with it, 3.36 regularized too (Pascanu et al.). What these
commands reached, on which machine and in what time, is in docs/results.md.

References:
  Boulanger-Lewandowski, Bengio and Vincent, "Modeling Temporal Dependencies in
  High-Dimensional Sequences", ICML 2012, for the data. Pascanu, Mikolov and Bengio, "On
  the difficulty of training recurrent neural networks", ICML 2013. Bai, Kolter and
  Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for
  Sequence Modeling", 2018.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.data.midi import NUM_KEYS, read_midi, write_midi
from experiments.harness import Run, TrainingConfig, fit, flag, guarded, main, restore
from experiments.harness.console import print_text
from experiments.polyphonic_music import presets
from experiments.polyphonic_music.batches import (
    Batch,
    cut_pieces,
    inputs_and_targets,
    make_batches,
    sample_batches,
)
from experiments.polyphonic_music.evaluation import measure, print_levels
from experiments.polyphonic_music.pieces import Music, load_music
from experiments.polyphonic_music.samples import continue_piece
from experiments.shared.best import BestState, first_best, keep_best
from experiments.shared.figures import learning_curve
from experiments.shared.optimizers import OptimizerFlags, make_rule
from experiments.shared.sampling import SamplingFlags
from rnnjax import Cell, Layer, dense, dropout, elman, gru, lstm, stack
from rnnjax.base import Array, Params
from rnnjax.layers import variational_dropout
from rnnjax.masking import zero_masked
from rnnjax.optimizers import clip_by_norm, clip_states
from rnnjax.regularizers import penalized_gradients


@dataclasses.dataclass(frozen=True)
class Config(SamplingFlags, OptimizerFlags, TrainingConfig):
    """Flags of a network that predicts music, and of its training."""

    cell: Literal["elman", "gru", "lstm"] = flag("lstm", "recurrent cell")
    dataset: Literal["canons", "jsb_chorales", "nottingham", "piano_midi"] = flag(
        "canons", "music to learn; canons are generated at random"
    )
    data_path: Path | None = flag(
        None,
        "MIDI file or directory to learn instead; of a directory, every fifth file by "
        "name is for the test and the one before it for validation; a single file is "
        "split by time, 80, 10 and 10 percent",
    )
    validation_path: Path | None = flag(None, "MIDI file or directory for validation")
    test_path: Path | None = flag(None, "MIDI file or directory for the test")
    frames_per_beat: int = flag(2, "frames per quarter note of MIDI files", minimum=1)
    hidden_size: int = flag(128, "width of each recurrent layer", minimum=1)
    num_layers: int = flag(1, "number of recurrent layers", minimum=1)
    dropout_rate: float = flag(
        0.0, "probability of zeroing an output of a recurrent layer", minimum=0
    )
    variational_dropout_rate: float = flag(
        0.0,
        "probability of zeroing a unit that recurrent products read, the same units in "
        "all frames",
        minimum=0,
    )
    weight_noise: float = flag(
        0.0, "standard deviation of noise on all weights at each update", minimum=0
    )
    batch_size: int = flag(16, "pieces per batch", minimum=1)
    num_steps: int = flag(256, "longer pieces are cut to so many frames", minimum=1)
    method: Literal["plain", "clipped", "regularized"] = flag(
        "clipped", "gradients as they are; clipped; and with a penalty if they vanish"
    )
    penalty_weight: float = flag(
        1.0, "weight of that penalty, divided by n in epoch n", minimum=0
    )
    learning_rate: float = flag(1e-2, "initial learning rate")
    patience: int = flag(
        3, "evaluations without improvement until the rate decays", minimum=1
    )
    decay_rate: float = flag(0.5, "factor by which the rate decays", minimum=0)
    forget_bias: float = flag(1.0, "initial bias of the LSTM's forget gate")
    prompt: Path | None = flag(
        None,
        "MIDI file whose beginning samples continue; default: the first test piece",
        resumable=True,
    )
    prompt_frames: int = flag(32, "frames of the beginning", resumable=True, minimum=1)
    sample_length: int = flag(96, "frames drawn at each evaluation")
    num_updates: int = flag(2000, "number of parameter updates")
    eval_every: int = flag(250, "updates between evaluations")
    checkpoint_every: int = flag(250, "updates between checkpoints")
    sample_path: Path = flag(
        Path("sample.mid"), "file that --sample writes, and a picture", resumable=True
    )


def make_cell(config: Config) -> Cell:
    """Makes the cell of each recurrent layer."""
    if config.cell == "lstm":
        return lstm(config.hidden_size, forget_bias=config.forget_bias)
    return {"elman": elman, "gru": gru}[config.cell](config.hidden_size)


def make_upper_layers(config: Config) -> Layer:
    """Makes everything above the first recurrent layer."""
    drop = dropout(config.dropout_rate)
    recurrent = variational_dropout(make_cell(config), config.variational_dropout_rate)
    return stack(drop, *(config.num_layers - 1) * (recurrent, drop), dense(NUM_KEYS))


def make_network(config: Config) -> Layer:
    """Makes the network, from frames `[T, ..., 88]` to logits of the next frames."""
    recurrent = variational_dropout(make_cell(config), config.variational_dropout_rate)
    return stack(recurrent, make_upper_layers(config))


def frame_nats(
    layer: Layer, params: Params, inputs: Array, targets: Array, mask: Array, key=None
) -> Array:
    """Computes the cross entropy of each frame, summed over its keys.

    Args:
      layer: the network, or its upper part.
      params: its parameters.
      inputs: `[T, B, ...]`, what it reads.
      targets: `[T, B, 88]`, 1 where a key is down, else 0.
      mask: `[T, B]` bool.
      key: the source of randomness of dropout; None: no dropout.

    Returns:
      `[T, B]`, nats; zero at masked steps.
    """
    _, logits = layer.apply(params, None, inputs, mask=mask, key=key)
    nats = (jax.nn.softplus(logits) - targets * logits).sum(axis=-1)
    return zero_masked(mask, nats)


def mean_loss(
    layer: Layer, params: Params, inputs: Array, targets: Array, mask: Array, key=None
) -> Array:
    """Computes the loss in nats per frame; for the arguments see `frame_nats`."""
    nats = frame_nats(layer, params, inputs, targets, mask, key)
    return nats.sum() / mask.sum()


@functools.partial(jax.jit, static_argnums=0)
def piece_nats(layer: Layer, params: Params, batch: Batch) -> Array:
    """Computes the nats of each piece of a batch, `[B]`."""
    return frame_nats(layer, params, *inputs_and_targets(batch)).sum(axis=0)


def make_gradients(config: Config) -> Callable:
    """Makes `gradients(params, batch, key, penalty_weight)`.

    Returns:
      The function, which returns the loss, its gradients and metrics. The method
      regularized adds the penalty of Pascanu et al., as in their program.

    Raises:
      ValueError: if the method is regularized and there is more than one recurrent
        layer, or dropout within it.
    """
    layer, upper = make_network(config), make_upper_layers(config)
    cell = make_cell(config)

    def plain(params, batch, key, penalty_weight):
        del penalty_weight
        example = *inputs_and_targets(batch), key
        loss, grads = jax.value_and_grad(mean_loss, 1)(layer, params, *example)
        return loss, grads, {}

    def regularized(params, batch, key, penalty_weight):
        inputs, *example = *inputs_and_targets(batch), key
        found = penalized_gradients(
            lambda params, outputs: mean_loss(upper, params, outputs, *example),
            cell,
            params[0],
            params[1],
            inputs,
            weight=penalty_weight,
            mask=example[1],
        )
        metrics = {"penalty": found.penalty, "penalty_weight": penalty_weight}
        return found.loss, (found.grads, found.rest_grads), metrics

    if config.method != "regularized":
        return plain
    for name, most in (("num_layers", 1), ("variational_dropout_rate", 0)):
        if (value := getattr(config, name)) > most:
            raise ValueError(
                f"{name} must be {most} with the method regularized, got {value}."
            )
    return regularized


def make_optimizer(config: Config) -> optax.GradientTransformation:
    """Makes the optimizer, which first clips gradients unless the method is plain."""
    rule = make_rule(config.optimizer, config.learning_rate)
    if config.method == "plain" or config.max_norm is None:
        return rule
    return optax.chain(clip_by_norm(config.max_norm), rule)


def add_noise(params: Params, deviation: float, key: Array) -> Params:
    """Adds normal noise to every weight, as in Graves, NeurIPS 2011."""
    noise = optax.tree.random_like(key, params, jax.random.normal)
    return jax.tree.map(lambda x, z: x + deviation * z, params, noise)


def make_update(config: Config, key: Array, num_batches: int) -> Callable:
    """Makes `update(state, batch, i)`, which backpropagates through all frames.

    Args:
      config: the flags.
      key: the source of randomness; update i uses `fold_in(key, i)`.
      num_batches: updates per epoch, for the decay of the penalty.
    """
    gradients, optimizer = make_gradients(config), make_optimizer(config)

    @jax.jit
    @guarded
    def update(state, batch, i):
        penalty_weight = config.penalty_weight / (1 + i // num_batches)
        drop_key, noise_key = jax.random.split(jax.random.fold_in(key, i))
        params = state.params  # gradients are taken at the noisy weights
        if config.weight_noise > 0:
            params = add_noise(params, config.weight_noise, noise_key)
        loss, grads, metrics = gradients(params, batch, drop_key, penalty_weight)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        updates = jax.tree.map(lambda step: state.best.rate_scale * step, updates)
        params = optax.apply_updates(state.params, updates)
        metrics |= {"loss": loss, "grad_norm": optax.tree.norm(grads)}
        for clip in clip_states(opt_state):
            metrics["clipped_share"] = clip.clipped_share
        return state._replace(params=params, opt_state=opt_state), metrics

    return update


class Prepared(NamedTuple):
    """What a configuration asks for."""

    music: Music
    prompt: np.ndarray  # the piece whose beginning samples continue
    layer: Layer  # the network
    loss: Callable[..., Array]  # loss(params, inputs, targets, mask, key)
    optimizer: optax.GradientTransformation
    num_batches: int  # per epoch
    batch: Callable[[int], Batch]  # the batch of an update


def prepare(config: Config) -> Prepared:
    """Loads the music, and makes network, loss, optimizer and batches."""
    paths = config.data_path, config.validation_path, config.test_path
    beat = config.frames_per_beat
    music = load_music(config.dataset, config.data_dir, *paths, beat, print_text)
    prompt = read_midi(config.prompt, beat).roll if config.prompt else music.test[0]
    layer = make_network(config)
    loss = functools.partial(mean_loss, layer)
    pieces = cut_pieces(music.train, config.num_steps)
    batches = sample_batches(pieces, config.batch_size, config.seed)
    return Prepared(music, prompt, layer, loss, make_optimizer(config), *batches)


def initial_state(prepared: Prepared, key: Array) -> BestState:
    """Makes the state before the first update.

    The bias of the last layer starts at the log-odds that each key is down, so that the
    first updates need not learn that most keys are silent.
    """
    down = sum(piece.sum(axis=0) for piece in prepared.music.train) + 1
    up = sum(map(len, prepared.music.train)) + 2 - down
    cell, (*others, head) = prepared.layer.init(key, NUM_KEYS)
    head = {**head, "bias": jnp.asarray(np.log(down / up), jnp.float32)}
    params = cell, (*others, head)
    opt_state = prepared.optimizer.init(params)
    return BestState(params, opt_state, first_best(params))


def train(config: Config, run: Run) -> None:
    """Trains the network that `config` asks for."""
    prepared = prepare(config)
    music = prepared.music
    for name, digest in music.digests.items():
        run.record_data(name, digest)
    init_key, train_key, sample_key = jax.random.split(jax.random.key(config.seed), 3)
    update_batch = make_update(config, train_key, prepared.num_batches)
    nats = functools.partial(piece_nats, prepared.layer)
    validation, test = make_batches(music.validation), make_batches(music.test)
    levels = print_levels(run, music)

    def update(state: BestState, i: int) -> tuple[BestState, dict[str, Array]]:
        return update_batch(state, prepared.batch(i), i)

    def evaluate(state: BestState, done: int) -> tuple[BestState, dict[str, float]]:
        loss = measure(nats, state.params, validation)
        rule = {"patience": config.patience, "decay_rate": config.decay_rate}
        state = keep_best(state, -loss.pooled, **rule)
        metrics = {
            "validation_loss": loss.pooled,
            "validation_loss_over_pieces": loss.over_pieces,
        }
        if done == config.num_updates:
            loss = measure(nats, state.best.params, test)
            metrics["best_validation_loss"] = float(-state.best.score)
            metrics["test_loss"] = loss.pooled
            metrics["test_loss_over_pieces"] = loss.over_pieces
        run.log(done, **metrics)
        key = jax.random.fold_in(sample_key, done)
        model = prepared.layer, state.best.params, prepared.prompt
        roll, picture = continue_piece(*model, config, config.sample_length, key)
        run.write_sample(done, write_midi(roll, config.frames_per_beat), ".mid")
        run.write_plot("piano_roll", picture)
        curve = learning_curve(run.metrics(), levels=levels, ylabel="nats per frame")
        run.write_plot("learning_curve", curve)
        return state, metrics

    num_frames = sum(len(piece) - 1 for piece in music.train)
    rate = num_frames / prepared.num_batches
    state = initial_state(prepared, init_key)
    fit(run, state, update, evaluate, units_per_update=rate, unit="frames")


def sample(config: Config, run: Run, num_frames: int) -> None:
    """Writes a sample of the network that a run trained, and its picture."""
    prepared, key = prepare(config), jax.random.key(config.seed)
    _, state = restore(run.directory, initial_state(prepared, key))
    model = prepared.layer, state.best.params, prepared.prompt
    roll, picture = continue_piece(*model, config, num_frames, key)
    config.sample_path.write_bytes(write_midi(roll, config.frames_per_beat))
    path = config.sample_path.with_suffix(".png")
    picture.savefig(path)
    run.print(f"{config.sample_path} and {path}")


PRESETS = {name: Config(**flags) for name, flags in presets.PRESETS.items()}

if __name__ == "__main__":
    main(train, Config, presets=PRESETS, sample=sample)
