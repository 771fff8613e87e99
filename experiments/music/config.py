"""The flags of the music models, and what is made of them."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

import optax

from experiments.harness import TrainingConfig, flag
from experiments.music.midi import NUM_KEYS
from rnnjax import Cell, Layer, dense, dropout, elman, gru, lstm, stack
from rnnjax.layers import variational_dropout
from rnnjax.optimizers import clip_by_norm

CELLS = {"elman": elman, "gru": gru, "lstm": lstm}


@dataclasses.dataclass(frozen=True)
class MusicConfig(TrainingConfig):
    """Flags of a network that predicts music, and of its training.

    Raises:
      ValueError: if a value is outside its range.
    """

    model: Literal["elman", "gru", "lstm"] = flag("lstm", "recurrent cell")
    dataset: Literal["canons", "jsb_chorales", "nottingham", "piano_midi"] = flag(
        "canons", "music to learn; canons are made at random"
    )
    midi_dir: Path | None = flag(
        None, "directory of MIDI files to learn instead, at least five"
    )
    frames_per_beat: int = flag(
        2, "frames of a quarter note, in MIDI files read and written", minimum=1
    )
    hidden_size: int = flag(128, "width of each recurrent layer", minimum=1)
    num_layers: int = flag(1, "number of recurrent layers", minimum=1)
    dropout_rate: float = flag(
        0.0, "probability of zeroing what leaves a recurrent layer", minimum=0
    )
    recurrent_dropout_rate: float = flag(
        0.0, "probability of zeroing what recurrent products read", minimum=0
    )
    weight_noise: float = flag(
        0.0,
        "standard deviation of noise on all weights, anew at every update",
        minimum=0,
    )
    batch_size: int = flag(16, "pieces read side by side", minimum=1)
    num_steps: int = flag(
        256, "frames of a piece that are read; longer ones are cut to train", minimum=1
    )
    method: Literal["plain", "clipped", "regularized"] = flag(
        "clipped", "against gradients that explode, and, regularized, vanish too"
    )
    max_norm: float = flag(
        1.0, "global norm to which gradients of the mean loss are clipped", minimum=0
    )
    penalty_weight: float = flag(
        1.0,
        "of the penalty on vanishing gradients; in epoch n 1/n of it",
        minimum=0,
    )
    optimizer: Literal["adam", "sgd"] = flag("adam", "rule of the updates")
    learning_rate: float = flag(1e-2, "learning rate at first", minimum=0)
    patience: int = flag(
        3, "evaluations without a better one until the rate decays", minimum=1
    )
    decay_rate: float = flag(0.5, "factor on the learning rate then", minimum=0)
    forget_bias: float = flag(1.0, "added to the LSTM's initial forget bias")
    prompt: Path | None = flag(
        None,
        "MIDI file whose beginning samples go on from; none: the first test piece's",
        resumable=True,
    )
    prompt_frames: int = flag(32, "frames of the beginning", resumable=True, minimum=1)
    sample_length: int = flag(
        96, "frames drawn at an evaluation", resumable=True, minimum=1
    )
    temperature: float = flag(
        1.0, "of samples: below 1 bolder, at 0 the likeliest", resumable=True, minimum=0
    )
    num_updates: int = flag(2000, "updates of the parameters in all")
    eval_every: int = flag(250, "updates between two evaluations")
    checkpoint_every: int = flag(250, "updates between two checkpoints")
    sample_path: Path = flag(
        Path("sample.mid"),
        "file that --sample writes, a picture beside it",
        resumable=True,
    )


def make_network(config: MusicConfig) -> Layer:
    """Makes the network, from frames `[T, ..., 88]` to log-odds of the next frame's."""
    return stack(_make_recurrent(config), make_rest(config))


def make_rest(config: MusicConfig) -> Layer:
    """Makes what follows the first recurrent layer of the network."""
    drop = dropout(config.dropout_rate)
    layers: list[Layer] = [drop]
    for _ in range(config.num_layers - 1):
        layers += [_make_recurrent(config), drop]
    return stack(*layers, dense(NUM_KEYS))


def make_cell(config: MusicConfig) -> Cell:
    """Makes one layer's cell."""
    options: dict[str, Any] = {}
    if config.model == "lstm":
        options["forget_bias"] = config.forget_bias
    return CELLS[config.model](config.hidden_size, **options)


def _make_recurrent(config: MusicConfig) -> Layer:
    return variational_dropout(make_cell(config), config.recurrent_dropout_rate)


def make_optimizer(config: MusicConfig) -> optax.GradientTransformation:
    """Makes the optimizer, which first clips gradients unless the method is plain.

    Raises:
      ValueError: if gradients are to be clipped to a norm of 0.
    """
    rules = {"adam": optax.adam, "sgd": optax.sgd}
    rule = rules[config.optimizer](config.learning_rate)
    if config.method == "plain":
        return rule
    return optax.chain(clip_by_norm(config.max_norm), rule)
