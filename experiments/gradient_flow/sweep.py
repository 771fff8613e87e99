"""Figure 2: the norm of W from vanishing to exploding, and the Lyapunov exponent."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.gradient_flow.lags import decay_rate
from experiments.shared.figures import BLUE, ORANGE, hide_frame, new_figure
from rnnjax import elman
from rnnjax.diagnostics import gradient_norms_by_lag, lyapunov_spectrum

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUM_STEPS = 600
NUM_SEQUENCES = 3
HIDDEN_SIZE = 20
INPUT_SIZE = 3
NOISE = 0.3
GAINS = 0.5, 0.7, 0.9, 1.0, 1.1, 1.3, 1.6, 2.0, 2.5
# Lags at which the rate is fitted: the gradient has turned to the direction that fades
# slowest, and there are still enough outputs that reach back so far.
FIRST_LAG, LAST_LAG = 50, 300


class Sweep(NamedTuple):
    """What was measured at each gain.

    Attributes:
      gains: `[G]`, spectral norms of W.
      norms: `[G, T]`, of the gradient by lag, relative to lag 0.
      rates: `[G]`, slopes of log norm by lag, nats per step.
      exponents: `[G]`, largest Lyapunov exponents, nats per step.
    """

    gains: np.ndarray
    norms: np.ndarray
    rates: np.ndarray
    exponents: np.ndarray


def sweep(activation: str, seed: int, gains: Sequence[float] = GAINS) -> Sweep:
    """Measures a network hₜ = f(U xₜ + g Q hₜ₋₁), Q orthogonal, driven by noise.

    Args:
      activation: f, "identity" or "tanh".
      seed: of Q, U and the noise.
      gains: g, the spectral norm of W.
    """
    with jax.enable_x64(True):  # a linear network at g = 2.5 overflows float32
        cell = elman(HIDDEN_SIZE, activation=activation, dtype=jnp.float64)
        key, noise_key = jax.random.split(jax.random.key(seed))
        params = cell.init(key, INPUT_SIZE)
        shape = (NUM_STEPS, NUM_SEQUENCES, INPUT_SIZE)
        inputs = NOISE * jax.random.normal(noise_key, shape, jnp.float64)

        def measured(gain):
            W = gain * params["recurrent_kernel"]
            own = params | {"recurrent_kernel": W}
            norms = gradient_norms_by_lag(cell, own, inputs, lambda h: h.sum(-1)).mean
            exponents = jax.vmap(
                lambda inputs: lyapunov_spectrum(
                    cell, own, inputs, num_exponents=1, num_discarded=FIRST_LAG
                ),
                in_axes=1,
            )(inputs)
            return norms / norms[0], exponents.mean()

        run = jax.jit(lambda gains: jax.lax.map(measured, gains))
        norms, exponents = map(np.asarray, run(jnp.asarray(gains)))
    rates = np.array([decay_rate(row, FIRST_LAG, LAST_LAG) for row in norms])
    return Sweep(np.asarray(gains), norms, rates, exponents)


def differences(found: Sweep) -> tuple[float, float]:
    """Compares the rates with the exponents.

    Returns:
      The largest difference in nats per step, and the largest relative to the
      exponent. The latter leaves out exponents below 0.05, for which it is meaningless.
    """
    apart = np.abs(found.rates - found.exponents)
    told = np.abs(found.exponents) >= 0.05
    return float(apart.max()), float((apart / np.abs(found.exponents))[told].max())


def plot(linear: Sweep, tanh: Sweep) -> "Figure":
    """Plots the norms by lag at each gain, and their rates beside the exponents."""
    figure = new_figure(10.2, 3.9)
    left, middle, right = panels = figure.subplots(1, 3)
    for panel, found, title in ((left, linear, "linear"), (middle, tanh, "tanh")):
        for color, gain, norms in zip(_shades(len(found.gains)), *found[:2]):
            panel.semilogy(norms[:101], color=color, label=f"{gain:g}")
        panel.set_ylim(1e-12, 1e12)
        panel.set_xlim(0, 100)
        panel.set_xlabel("lag, steps")
        panel.set_title(f"{title} network")
    left.set_ylabel("norm of the gradient, relative to lag 0")
    handles, labels = middle.get_legend_handles_labels()
    middle.legend(
        handles[::-1], labels[::-1], title="‖W‖₂", frameon=False, loc="upper right",
        ncols=3, fontsize=8,
    )  # fmt: skip
    for found, color, name in ((linear, BLUE, "linear"), (tanh, ORANGE, "tanh")):
        right.plot(found.gains, found.exponents, color=color, label=f"λ₁, {name}")
        right.plot(found.gains, found.rates, "o", color=color, mfc="none",
                   label=f"gradient, {name}")  # fmt: skip
    right.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    right.set_xlabel("‖W‖₂")
    right.set_ylabel("nats per step")
    right.set_title("rate of growth")
    right.legend(frameon=False, fontsize=9)
    hide_frame(*panels)
    return figure


def _shades(count: int) -> list[Any]:
    """Returns colours from dark to light, ordered in black and white too."""
    from matplotlib import colormaps

    return [colormaps["viridis"](0.9 * i / max(count - 1, 1)) for i in range(count)]
