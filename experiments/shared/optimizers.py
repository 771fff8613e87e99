"""Optimizers from flags.

An experiment's `Config` inherits `OptimizerFlags`, declares the flags again whose
default or help differs, and builds its optimizer with `make_optimizer`.
"""

import dataclasses
from typing import Any, Literal

import jax.numpy as jnp
import optax

from experiments.harness import flag


@dataclasses.dataclass(frozen=True)
class OptimizerFlags:
    """The flags of an optimizer that clips the gradient's norm first."""

    optimizer: Literal["adam", "rmsprop", "sgd"] = flag("adam", "optimizer")
    learning_rate: float = flag(1e-3, "learning rate", minimum=0)
    max_norm: float | None = flag(
        1.0, "global norm to which gradients are clipped; none: no clipping", minimum=0
    )


@dataclasses.dataclass(frozen=True)
class CosineFlags(OptimizerFlags):
    """The flags of an optimizer whose learning rate may fall to 0."""

    decay_updates: int | None = flag(
        None,
        "updates over which the learning rate falls to 0, along half a cosine; none: "
        "it stays",
        minimum=1,
    )


@dataclasses.dataclass(frozen=True)
class EpochDecayFlags(OptimizerFlags):
    """The flags of an optimizer whose learning rate decays by epochs."""

    decay_rate: float = flag(
        1.0, "factor on the learning rate per later epoch", minimum=0
    )
    constant_epochs: int = flag(0, "epochs before the rate decays", minimum=0)
    max_value: float | None = flag(
        None, "bound to which each gradient is clipped; none: no clipping", minimum=0
    )


def make_rule(
    name: str, learning_rate: Any, *, rms_decay: float = 0.9
) -> optax.GradientTransformation:
    """Makes an optimizer by its name, without clipping.

    Args:
      name: adam, rmsprop or sgd.
      learning_rate: a number, which may be traced, or an `optax.Schedule`.
      rms_decay: decay of RMSProp's average of squared gradients.

    Returns:
      The optimizer.

    Raises:
      ValueError: if there is no optimizer of that name.
    """
    if name == "adam":
        return optax.adam(learning_rate)
    if name == "rmsprop":
        return optax.rmsprop(learning_rate, decay=rms_decay)
    if name == "sgd":
        return optax.sgd(learning_rate)
    raise ValueError(f"name must be adam, rmsprop or sgd, got {name!r}.")


def make_optimizer(
    flags: OptimizerFlags,
    learning_rate: Any = None,
    *,
    rms_decay: float = 0.9,
) -> optax.GradientTransformation:
    """Makes the optimizer of the flags, which clips by value and by norm first.

    Args:
      flags: a configuration with `OptimizerFlags`.
      learning_rate: a number or a schedule; None: that of the flags.
      rms_decay: see `make_rule`.

    Returns:
      The optimizer.
    """
    if learning_rate is None:
        learning_rate = flags.learning_rate
        if isinstance(flags, CosineFlags) and flags.decay_updates is not None:
            learning_rate = optax.cosine_decay_schedule(
                learning_rate, flags.decay_updates
            )
    rule = make_rule(flags.optimizer, learning_rate, rms_decay=rms_decay)
    clips = []
    if isinstance(flags, EpochDecayFlags) and flags.max_value is not None:
        clips.append(optax.clip(flags.max_value))
    if flags.max_norm is not None:
        clips.append(optax.clip_by_global_norm(flags.max_norm))
    return optax.chain(*clips, rule)


def make_decaying_optimizer(
    flags: EpochDecayFlags, epoch_length: int, *, rms_decay: float = 0.9
) -> optax.GradientTransformation:
    """Makes the optimizer of the flags, with the learning rate of `decay_by_epoch`.

    Args:
      flags: a configuration with `EpochDecayFlags`.
      epoch_length: updates per epoch.
      rms_decay: see `make_rule`.

    Returns:
      The optimizer.
    """
    schedule = decay_by_epoch(
        flags.learning_rate, flags.decay_rate, flags.constant_epochs, epoch_length
    )
    return make_optimizer(flags, schedule, rms_decay=rms_decay)


def decay_by_epoch(
    learning_rate: float, decay_rate: float, constant_epochs: int, epoch_length: int
) -> optax.Schedule:
    """Makes a learning rate that decays once per epoch after some constant epochs.

    Args:
      learning_rate: of the first epochs.
      decay_rate: factor applied at the beginning of every later epoch.
      constant_epochs: number of epochs before the first decay.
      epoch_length: updates per epoch.

    Returns:
      The schedule, from the number of updates done to the learning rate.

    Example:
      >>> schedule = decay_by_epoch(1.0, 0.5, constant_epochs=2, epoch_length=10)
      >>> [float(schedule(count)) for count in (0, 19, 20, 30)]
      [1.0, 1.0, 0.5, 0.25]

    References:
      Zaremba, Sutskever and Vinyals, "Recurrent Neural Network Regularization", 2014,
      section 4.1.
    """

    def schedule(count):
        epochs = count // epoch_length + 1
        exponent = jnp.maximum(epochs - constant_epochs, 0)
        return learning_rate * decay_rate**exponent

    return schedule
