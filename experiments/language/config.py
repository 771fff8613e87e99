"""The flags that language models share, and what is made of them."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

import jax.numpy as jnp
import optax

from experiments.harness import TrainingConfig, flag
from experiments.shared.devices import start_devices
from rnnjax import (
    Cell,
    Layer,
    cross_entropy_mean_over_steps,
    cross_entropy_sum_over_time,
    elman,
    gru,
    lstm,
)
from rnnjax.initializers import symmetric_uniform
from rnnjax.layers.language_model import language_model

CELLS = {"elman": elman, "lstm": lstm, "gru": gru}
LOSSES = {
    "mean_over_steps": cross_entropy_mean_over_steps,
    "sum_over_time": cross_entropy_sum_over_time,
}


@dataclasses.dataclass(frozen=True)
class LanguageConfig(TrainingConfig):
    """Flags of a recurrent language model and of its training.

    Raises:
      ValueError: if a value is outside its range.
    """

    model: str = flag("lstm", "recurrent cell: elman, lstm or gru")
    dataset: Literal["python_reference", "tinyshakespeare", "ptb"] = flag(
        "python_reference",
        "text to learn; python_reference is the help that comes with Python",
    )
    data_path: Path | None = flag(None, "text file in UTF-8 to learn instead")
    hidden_size: int = flag(256, "width of each recurrent layer", minimum=1)
    num_layers: int = flag(1, "number of recurrent layers", minimum=1)
    embedding_size: int | None = flag(
        None, "width of learned token vectors; none: one-hot", minimum=1
    )
    dropout_rate: float = flag(
        0.0, "probability of zeroing between layers, from 0 to below 1", minimum=0
    )
    tie_weights: bool = flag(False, "share the embedding with the output layer")
    batch_size: int = flag(32, "streams read side by side", minimum=1)
    num_devices: int | None = flag(
        None,
        "devices that share the batch; none: by cores, batch and width",
        resumable=True,
        minimum=1,
    )
    num_steps: int = flag(64, "steps through which gradients flow back", minimum=1)
    loss: Literal["mean_over_steps", "sum_over_time"] = flag(
        "mean_over_steps", "how the steps' losses are summed up before clipping"
    )
    optimizer: Literal["adam", "rmsprop", "sgd"] = flag("adam", "rule of the updates")
    learning_rate: float = flag(4e-3, "learning rate of the first epochs", minimum=0)
    decay_rate: float = flag(
        0.8, "factor on the learning rate with every later epoch", minimum=0
    )
    constant_epochs: int = flag(4, "epochs before the rate decays", minimum=0)
    max_norm: float | None = flag(
        1.0, "global norm to which gradients are clipped; none: they are not", minimum=0
    )
    max_value: float | None = flag(
        None, "value to which each gradient is clipped; none: they are not", minimum=0
    )
    init_bound: float | None = flag(
        None, "draw all weights from ±this; none: as each layer does by itself"
    )
    forget_bias: float = flag(1.0, "added to the LSTM's initial forget bias")
    prompt: str | None = flag(
        None, "text that samples go on from; none: the end of a line", resumable=True
    )
    sample_length: int = flag(
        300, "tokens in the sample of an evaluation", resumable=True, minimum=1
    )
    temperature: float = flag(
        1.0, "of samples: below 1 bolder, at 0 the likeliest", resumable=True, minimum=0
    )

    def settled(self) -> "LanguageConfig":
        """Settles how many devices there are, and starts them."""
        number = start_devices(self.num_devices, self.batch_size, self.hidden_size)
        return dataclasses.replace(self, num_devices=number)


def make_network(config: LanguageConfig, vocab_size: int) -> Layer:
    """Makes the network, from tokens `[T, ...]` to logits `[T, ..., vocab_size]`."""
    cells = (make_cell(config),) * config.num_layers
    ends: dict[str, Any] = {}
    if config.init_bound is not None:
        uniform = symmetric_uniform(config.init_bound)
        names = ("embedding_init", "head_kernel_init", "head_bias_init")
        ends = dict.fromkeys(names, uniform)
    return language_model(
        vocab_size,
        cells,
        embedding_size=config.embedding_size,
        dropout_rate=config.dropout_rate,
        tie_weights=config.tie_weights,
        **ends,
    )


def make_cell(config: LanguageConfig) -> Cell:
    """Makes one layer's cell."""
    options: dict[str, Any] = {}
    if config.init_bound is not None:
        uniform = symmetric_uniform(config.init_bound)
        names = ("kernel_init", "recurrent_kernel_init", "bias_init")
        options = dict.fromkeys(names, uniform)
    if config.model == "lstm":
        options["forget_bias"] = config.forget_bias
    return CELLS[config.model](config.hidden_size, **options)


def make_optimizer(
    config: LanguageConfig, epoch_length: int
) -> optax.GradientTransformation:
    """Makes the optimizer, which clips gradients by value and by norm first.

    Args:
      config: the flags.
      epoch_length: updates of an epoch.
    """
    rate = decay_by_epoch(config, epoch_length)
    rules = {
        "adam": optax.adam(rate),
        "rmsprop": optax.rmsprop(rate, decay=0.95),
        "sgd": optax.sgd(rate),
    }
    clips = []
    if config.max_value is not None:
        clips.append(optax.clip(config.max_value))
    if config.max_norm is not None:
        clips.append(optax.clip_by_global_norm(config.max_norm))
    return optax.chain(*clips, rules[config.optimizer])


def decay_by_epoch(config: LanguageConfig, epoch_length: int) -> optax.Schedule:
    """Makes a learning rate that every epoch after the constant ones multiplies."""

    def schedule(count):
        epochs = count // epoch_length + 1
        exponent = jnp.maximum(epochs - config.constant_epochs, 0)
        return config.learning_rate * config.decay_rate**exponent

    return schedule
