"""Learning rates and dropout: a short range test."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import optax

from experiments.doctor.finding import Finding, number, percent
from experiments.doctor.trial import NUM_BATCHES, Path, Trial

SCALES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0)
TOO_SLOW = 0.05  # of the best gain, with a rate at least 100 times as high
TOO_FAST = 0.3  # of the best gain, with a lower rate
MUCH_DROPOUT, MOST_DROPOUT = 0.75, 0.9


def check_rates(
    params: Any, trial: Trial, path: Path, config: Any
) -> Iterator[Finding]:
    """Yields what is wrong with the learning rate and dropout.

    Args:
      params: the initial parameters.
      trial: the trial.
      path: the path at the training's own learning rate.
      config: the configuration.
    """
    gains = range_test(params, trial, path)
    yield from learning_rate(gains, getattr(config, "learning_rate", None))
    yield from dropout(params, trial, config)


def range_test(params: Any, trial: Trial, path: Path) -> dict[float, float]:
    """Measures how much lower the loss is after a few updates at each rate.

    References:
      Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, section
      3.3; here every rate starts from the same parameters and reads the same batches,
      so that noise cancels.

    Returns:
      The mean gain at the last batches over no learning at all, by the factor of the
      learning rate; -inf where the loss or a gradient is not finite.
    """
    still = trial.path(params, 0.0).losses

    def gain(path):
        if len(path.losses) < len(still):
            return -np.inf
        return float((still - path.losses)[-NUM_BATCHES:].mean())

    return {
        scale: gain(path if scale == 1 else trial.path(params, scale))
        for scale in SCALES
    }


def learning_rate(gains: dict[float, float], rate: float | None) -> Iterator[Finding]:
    """Judges the learning rate by the range test.

    Args:
      gains: of `range_test`.
      rate: the learning rate, None if it has no flag.
    """
    own, best = gains[1.0], max(gains, key=lambda scale: gains[scale])
    if gains[best] <= 0 and own == -np.inf:
        yield Finding(
            "learning rate too high",
            "serious",
            "After a few updates the loss is no longer finite, and it falls at no rate "
            "down to a thousandth of yours.",
            {"learning_rate": 0.001},
            "Start from a learning rate of 0.001.",
        )
        return
    if gains[best] <= 0:
        yield Finding(
            "nothing is learned",
            "serious",
            f"The loss of {NUM_BATCHES} batches that are read again and again falls at "
            "no learning rate from a thousandth of yours to a thousand times yours.",
            {},
            "Look at the data and at the loss first.",
        )
        return
    edge = {SCALES[0]: " or less", SCALES[-1]: " or more"}.get(best, "")
    flags = {"learning_rate": f"{number(best * (rate or 1))}{edge}"}
    remedy = f"Multiply the learning rate by {number(best)}{edge}."
    lower = max(gain for scale, gain in gains.items() if scale < 1)
    if own < TOO_FAST * lower:
        yield Finding(
            "learning rate too high",
            "serious" if own <= 0 else "warning",
            f"After a few updates the loss {_moved(own)}; at {number(best)} times your "
            f"learning rate it {_moved(gains[best])}.",
            flags,
            remedy,
        )
    elif best >= 100 and own < TOO_SLOW * gains[best]:
        yield Finding(
            "learning rate too low",
            "serious" if own < TOO_SLOW**2 * gains[best] else "warning",
            f"After a few updates the loss {_moved(own)}; at {number(best)} times your "
            f"learning rate it {_moved(gains[best])}.",
            flags,
            remedy,
        )


def dropout(params: Any, trial: Trial, config: Any) -> Iterator[Finding]:
    """Finds dropout that leaves hardly anything of the gradient but noise."""
    rates = {
        field.name: value
        for field in dataclasses.fields(config)
        if "dropout_rate" in field.name
        and isinstance(value := getattr(config, field.name), float)
        and value >= MUCH_DROPOUT
    }
    for name, rate in rates.items():
        yield Finding(
            "dropout too high",
            "serious" if rate >= MOST_DROPOUT else "warning",
            f"{name} zeroes {percent(rate)} of what it acts on. Two gradients of the "
            "same batch, each with its own units dropped, have a cosine of "
            f"{agreement(params, trial):.2f}; without noise it is 1.",
            {name: "0.5 or less"},
            "",
        )


def agreement(params: Any, trial: Trial) -> float:
    """Returns the cosine between two gradients of one batch with different keys."""
    one, two = (trial.gradients(params, i) for i in range(2))
    norms = optax.tree.norm(one) * optax.tree.norm(two)
    return float(optax.tree.vdot(one, two) / np.maximum(norms, 1e-30))


def _moved(gain: float) -> str:
    if gain == -np.inf:
        return "is no longer finite"
    return f"has {'fallen' if gain >= 0 else 'risen'} by {number(abs(gain))}"
