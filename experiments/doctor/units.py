"""Trouble within the network, at the start and after a few updates."""

import math
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from experiments.doctor.finding import Finding, number, percent
from experiments.doctor.trial import Look, Path, Trial

MANY = 0.5  # of the units of an activation, or of the arrays of parameters
SOME = 0.2
NEARLY_ALL = 0.9  # candidates of gated cells often saturate for a while
MOST_STEPS = 0.9  # a unit that is saturated at more of them is a saturated one
LEAST_REACH = 4.0  # steps
ENOUGH_STEPS = 8  # to measure how far a gradient reaches
MOST_GROWTH = 1e3  # of a gradient over a sequence
LARGE_GRADIENT = 1e3


def check_units(params: Any, trial: Trial, path: Path) -> Iterator[Finding]:
    """Yields what is wrong inside.

    Args:
      params: the initial parameters.
      trial: the trial.
      path: the path from them at the training's learning rate.
    """
    start = trial.look(params)
    yield from activation_before_the_loss(trial, start)
    if not np.isfinite(start.loss):
        yield Finding(
            "loss not finite at the start",
            "serious",
            f"The loss of the first batch is {start.loss} with the initial parameters.",
            {},
            "Look for values outside the range of a logarithm or a root in the loss.",
        )
        return
    yield from no_gradient(trial.gradients(params, 0))
    yield from through_time(start)
    yield from large_gradient(path)
    found = [*dead(start, "at the start"), *saturated(start, "at the start", SOME)]
    if not found and len(path.losses):
        when, after = "after a few updates", trial.look(path.params)
        found = [*dead(after, when), *saturated(after, when, NEARLY_ALL)]
    yield from found


def activation_before_the_loss(trial: Trial, look: Look) -> Iterator[Finding]:
    """Finds activations whose outputs the loss takes as logits, and the reverse."""
    for activation in trial.squashed:
        yield Finding(
            f"{activation} before a loss that takes logits",
            "serious",
            f"The loss applies its own softmax or sigmoid to outputs of a {activation}:"
            " the probabilities stay near each other, and the gradient is small.",
            {},
            f"Give the loss the outputs without {activation}.",
        )
    if any(least <= 0 for least in look.least_log):
        yield Finding(
            "logits before a loss that takes probabilities",
            "serious",
            "The loss takes the logarithm of outputs of a linear layer, which are as "
            f"low as {number(float(min(look.least_log)))}.",
            {},
            "Use a loss that takes logits, such as rnnjax.cross_entropy.",
        )


def no_gradient(grads: Any) -> Iterator[Finding]:
    """Finds that many parameters get no gradient."""
    leaves = jax.tree.leaves_with_path(jax.device_get(grads))
    leaves = [(path, x) for path, x in leaves if x.size and x.dtype.kind == "f"]
    names = [jax.tree_util.keystr(path) for path, x in leaves if not np.any(x)]
    if len(names) >= MANY * len(leaves):
        yield Finding(
            "no gradient",
            "serious",
            f"{len(names)} of {len(leaves)} arrays of parameters get no gradient at "
            f"all, such as {names[0]}.",
            {},
            "Look for a rounding, a comparison or stop_gradient between them and the "
            "loss, or units that are all dead.",
        )


def through_time(look: Look) -> Iterator[Finding]:
    """Finds gradients that vanish or explode on their way back through time."""
    for name, norms in look.reach.items():
        place, rate = name.removesuffix(", reach"), growth_rate(norms)
        if rate is None:
            continue
        reach = math.log(100) / -rate if rate < 0 else math.inf
        if rate == math.inf or rate * len(norms) > math.log(MOST_GROWTH):
            yield Finding(
                "gradients explode through time",
                "serious",
                f"In {place} a gradient grows by a factor of {number(math.exp(rate))} "
                f"per step on its way back, over sequences of {len(norms)} steps.",
                {"max_norm": 1, "init_bound": 0.1, "num_steps": "fewer of them"},
                "Draw smaller recurrent weights, and clip the norm of gradients.",
            )
        elif reach < LEAST_REACH:
            yield Finding(
                "gradients vanish through time",
                "warning",
                f"In {place} only 1 % of a gradient is left {reach:.1f} steps back, in "
                f"sequences of {len(norms)}: what lies further back is not learned.",
                {
                    "forget_bias": 1,
                    "init_bound": "leave it out, for orthogonal recurrent weights",
                    "cell": "lstm",
                },
                "Draw orthogonal recurrent weights, or take an LSTM.",
            )


def growth_rate(norms: np.ndarray) -> float | None:
    """Returns by how much the logarithm of a gradient grows per step, going back.

    Steps that leave it as it is (padding) or cut it off (resets) do not count.

    Args:
      norms: `[T, rows]`, of the gradient at each step.

    Returns:
      The mean over steps and rows, infinite if a norm is; None if it cannot be told.
    """
    if norms.ndim != 2 or len(norms) < ENOUGH_STEPS:
        return None
    if not np.isfinite(norms).all():
        return math.inf
    least = np.finfo(norms.dtype).tiny * 1e6  # below, numbers lose their digits
    earlier, later = norms[:-1], norms[1:]
    counts = (earlier > least) & (later > least) & (earlier != later)
    if not counts.any():
        return None
    return float(np.log(earlier[counts] / later[counts]).mean())


def large_gradient(path: Path) -> Iterator[Finding]:
    """Finds a gradient that is large from the beginning."""
    if len(path.grad_norms) and path.grad_norms[0] > LARGE_GRADIENT:
        yield Finding(
            "large gradient",
            "warning",
            f"The first gradient has norm {number(path.grad_norms[0])}.",
            {"max_norm": 1, "init_bound": 0.1},
            "Scale inputs and targets, and clip the norm of gradients.",
        )


def dead(look: Look, when: str) -> Iterator[Finding]:
    """Finds units of a relu that are zero at every step."""
    for name, units in look.dead.items():
        if (share := units.mean()) >= SOME:
            yield Finding(
                "dead units",
                "serious" if share >= MANY else "warning",
                f"{when.capitalize()}, {percent(share)} of the {len(units)} units of "
                f"{name} are zero at every step of a batch, and so are their "
                "gradients.",
                {"learning_rate": "10 times lower", "init_bound": 0.1},
                "Lower the learning rate, scale the inputs, or draw other weights.",
            )


def saturated(look: Look, when: str, least: float) -> Iterator[Finding]:
    """Finds a share of units of a tanh that are near ±1 at nearly every step."""
    for name, shares in look.saturated.items():
        if (share := (shares > MOST_STEPS).mean()) >= least:
            yield Finding(
                "saturated units",
                "serious" if share >= MANY else "warning",
                f"{when.capitalize()}, {percent(share)} of the {len(shares)} units of "
                f"{name} are within 0.05 of ±1 at {percent(MOST_STEPS)} of the steps: "
                "hardly any gradient passes them.",
                {"learning_rate": "10 times lower", "init_bound": 0.1},
                "Scale the inputs, or draw smaller weights.",
            )
