"""Trouble of a run that has been: what its metrics and its last parameters show."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.doctor.blow_up import MOST_REPLAYED, replay
from experiments.doctor.finding import Finding, number
from experiments.harness import read_params
from experiments.harness.metrics import read_metrics
from experiments.harness.results import read_results
from experiments.shared.inspection import Inspection

LEAST_UPDATES = 20
FLAT = 0.01  # of the first loss
GROWN = 10.0  # a norm that has grown by so much has exploded
OVERFIT = 0.05  # a validation loss that has risen by so much


def check_metrics(directory: Path, config: Any) -> Iterator[Finding]:
    """Yields what the metrics of a run show.

    Args:
      directory: the run directory.
      config: its configuration.
    """
    results = read_results(directory) or {}
    lines = read_metrics(directory / "metrics.jsonl")
    losses = _series(lines, "loss")
    norms = _series(lines, "grad_norm")
    if results.get("status") == "diverged":
        yield diverged(results.get("error", ""), norms)
    elif len(losses) >= LEAST_UPDATES:
        yield from loss_curve(losses)
    yield from overfitting(lines)


def diverged(error: str, norms: np.ndarray) -> Finding:
    """Describes a run that stopped because it was not finite."""
    half = len(norms) // 2
    usual = np.median(norms[:half]) if half else np.nan
    last = norms[-5:].max() if len(norms) else np.nan
    grown = last > GROWN * usual
    how = (
        f"The norm of the gradient had grown from {number(usual)} to {number(last)} "
        "before: it exploded."
        if grown
        else "The gradients before it were as usual: look at the batch of that update."
    )
    return Finding(
        "run diverged",
        "serious",
        f"{error.partition(' Gradient norms')[0]} {how}",
        {"learning_rate": "10 times lower", "max_norm": 1},
        "Lower the learning rate, and clip the norm of gradients.",
    )


def loss_curve(losses: np.ndarray) -> Iterator[Finding]:
    """Finds a loss that rose, or did not move."""
    tenth = max(len(losses) // 10, 1)
    first, last = losses[:tenth].mean(), losses[-tenth:].mean()
    least = min(part.mean() for part in np.array_split(losses, 10))
    if last > first or last - least > (first - least) / 2:
        yield Finding(
            "loss has risen",
            "serious",
            f"The training loss began at {number(first)}, was as low as "
            f"{number(least)}, and ended at {number(last)}.",
            {"learning_rate": "10 times lower", "max_norm": 1},
            "Lower the learning rate, and clip the norm of gradients.",
        )
    elif first - last < FLAT * abs(first):
        yield Finding(
            "loss has not moved",
            "serious",
            f"The training loss went from {number(first)} to {number(last)} in "
            f"{len(losses):,} updates.",
            {"learning_rate": "10 times higher"},
            "Raise the learning rate.",
        )


def overfitting(lines: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Finds a validation loss that rises while training goes on."""
    losses = _series(lines, "validation_loss")
    if len(losses) < 3:
        return
    updates = [line["update"] for line in lines if "validation_loss" in line]
    best = int(losses.argmin())
    if losses[-1] - losses[best] > OVERFIT * abs(losses[best]):
        yield Finding(
            "overfitting",
            "warning",
            f"The validation loss was least after update {updates[best]:,}, "
            f"{number(losses[best])}, and is {number(losses[-1])} after update "
            f"{updates[-1]:,}.",
            {
                "dropout_rate": "a higher one",
                "num_updates": updates[best],
                "hidden_size": "a smaller one",
            },
            "Stop earlier, or use a smaller network.",
        )


def check_divergence(
    directory: Path, inspection: Inspection, seed: int
) -> Iterator[Finding]:
    """Repeats the updates before a run diverged, and says where it did.

    Args:
      directory: the run directory.
      inspection: its training.
      seed: its seed.
    """
    first, params, origin = 0, inspection.params, "its initial parameters"
    try:
        branches = ("params", "best.params")
        params = read_params(directory, inspection.params, branches=branches)
        first = _last_checkpoint(directory)
        origin = f"its checkpoint of update {first}"
    except ValueError:  # none was saved, or members were trained side by side
        pass
    found = replay(inspection, params, first, jax.random.key(seed))
    if found is None:
        yield Finding(
            "divergence not repeated",
            "warning",
            f"From {origin}, {MOST_REPLAYED} updates were repeated with a new "
            "optimizer and other random numbers: all are finite.",
            {"checkpoint_every": "smaller, to be nearer to it the next time"},
            "Run again with more frequent checkpoints.",
        )
        return
    where = (
        "Its batch is not finite itself."
        if found.bad_inputs
        else f"{str(found.blow_ups).capitalize()}."
    )
    yield Finding(
        "blow-up",
        "serious",
        f"Repeated from {origin}, update {found.update + 1} is not finite, its loss "
        f"{number(found.loss)}. {where}",
        {"learning_rate": "10 times lower", "max_norm": 1},
        "Lower the learning rate, and clip the norm of gradients.",
    )


def _last_checkpoint(directory: Path) -> int:
    from experiments.harness.checkpoints import Checkpoints

    return Checkpoints(directory / "checkpoints").updates()[-1]


def _series(lines: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    values = [line[name] for line in lines if isinstance(line.get(name), float)]
    return np.array(values)
