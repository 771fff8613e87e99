"""Figure 1: how the gradient of each network fades with the lag."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.gradient_flow.recall import right_logits
from experiments.shared.figures import BLUE, GREEN, ORANGE, hide_frame, new_figure
from rnnjax import Cell
from rnnjax.base import Array
from rnnjax.diagnostics import LagNorms, gradient_norms_by_lag

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOWEST, HIGHEST = 1e-9, 1e2  # of the picture's axis


def measure(cell: Cell, params: Any, inputs: Array, symbols: Array) -> LagNorms:
    """Measures the gradient of each step's logit with respect to earlier carries.

    It is the logit of the right symbol. The loss would not do: once the network has
    learned the task, its gradient is small at any lag.

    Args:
      cell: the cell of the network.
      params: the parameters of the cell and of the readout.
      inputs: `[T, batch_size, INPUT_SIZE]`.
      symbols: `[batch_size]`, the first of each sequence.

    Returns:
      The norms by lag, `[T]` each, relative to the norm at lag 0.
    """
    own, readout = params
    norms = gradient_norms_by_lag(
        cell, own, inputs, lambda outputs: right_logits(readout, outputs, symbols)
    )
    return LagNorms(*(band / norms.mean[0] for band in norms))


def decay_rate(norms: np.ndarray, first: int, last: int) -> float:
    """Fits a line to the logarithms of norms by lag; its slope is in nats per step.

    Args:
      norms: `[T]`; zeros (underflow) are left out.
      first: first lag of the fit.
      last: last lag of the fit.

    Returns:
      The slope; -inf if fewer than two norms are left.
    """
    lags = first + np.flatnonzero(norms[first : last + 1])
    if len(lags) < 2:
        return -np.inf
    return float(np.polyfit(lags, np.log(norms[lags]), 1)[0])


def half_life(norms: np.ndarray) -> float | None:
    """Finds after how many steps the gradient is halved.

    It is fitted from a fifth to four fifths of the lags: at the first ones a gated
    network's gradient falls faster, and at the last ones there are few outputs.

    Args:
      norms: `[T]`, by lag.

    Returns:
      Steps; None if there are more than the largest lag, or the gradient grows.
    """
    num_steps = len(norms)
    rate = decay_rate(norms, num_steps // 5, 4 * num_steps // 5)
    if -rate * (num_steps - 1) < np.log(2):
        return None
    return float(-np.log(2) / rate)


def format_steps(steps: float | None, num_steps: int) -> str:
    """Formats a half life found in sequences of `num_steps`."""
    return f"> {num_steps - 1}" if steps is None else f"{steps:.1f}"


def plot(
    labels: Mapping[str, str], snapshots: Mapping[int, Mapping[str, Any]]
) -> "Figure":
    """Plots the norms by lag, one panel per network and one line per snapshot.

    Args:
      labels: titles by the names of the networks.
      snapshots: the `LagNorms` of each network, by the number of updates done.
    """
    figure = new_figure(9.6, 6.9)
    panels = figure.subplots(3, 4, sharex=True, sharey=True).flat
    for panel, (name, label) in zip(panels, labels.items()):
        lives = []
        for color, (done, measured) in zip((BLUE, ORANGE, GREEN), snapshots.items()):
            mean, low, high = (np.asarray(band) for band in measured[name])
            lags = np.arange(len(mean))
            panel.fill_between(lags, low, high, color=color, alpha=0.25, linewidth=0)
            panel.plot(lags, mean, color=color, label=f"after {done} updates")
            lives.append(format_steps(half_life(mean), len(mean)))
        panel.set_title(label, fontsize=10)
        text = "half life " + " → ".join(lives)
        panel.text(0.04, 0.05, text, transform=panel.transAxes, fontsize=8.5)
    first = figure.axes[0]  # the others share its axes
    first.set_yscale("log")
    first.set_ylim(LOWEST, HIGHEST)
    first.set_xlim(left=0)
    hide_frame(*figure.axes)
    figure.supxlabel("lag: steps back from the output")
    figure.supylabel("norm of ∂output / ∂carry, relative to lag 0")
    handles, names = first.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, frameon=False)
    return figure
