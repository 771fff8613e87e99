"""Figure 5: the route of a tanh network to chaos, with its Lyapunov exponent."""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from experiments.shared.figures import BLUE, ORANGE, RED, hide_frame, new_figure
from rnnjax import elman, unroll
from rnnjax.diagnostics import lyapunov_spectrum

if TYPE_CHECKING:
    from matplotlib.figure import Figure

W = (-1.0, 1.0), (-5.0, 5.0)
START = 0.1, 0.2
NUM_DISCARDED, NUM_KEPT = 1000, 200


def orbits(gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Runs hₜ = tanh(g W hₜ₋₁), two units without inputs, at many gains.

    W has rank one, so the dynamics are those of a one-dimensional map of h² - h¹, which
    is odd and has a hump; the second exponent is -∞.

    Args:
      gains: `[G]`, g.

    Returns:
      h¹ of the last `NUM_KEPT` steps, `[G, NUM_KEPT]`, and the largest Lyapunov
      exponents `[G]`, in nats per step.

    References:
      Wang, "Period-doublings to chaos in a simple neural network: An analytical proof",
      Complex Systems 1991: this network with logistic units, here moved to tanh.
    """
    with jax.enable_x64(
        True
    ):  # in float32 tanh saturates where its slope still matters
        cell = elman(2, dtype=jnp.float64)
        inputs = jnp.zeros((NUM_DISCARDED + NUM_KEPT, 1))
        start = jnp.asarray(START)

        def run(gain):
            params = {
                "kernel": jnp.zeros((1, 2)),
                "recurrent_kernel": gain * jnp.asarray(W).T,
                "bias": jnp.zeros(2),
            }
            _, outputs = unroll(cell, params, inputs, carry=start)
            exponents = lyapunov_spectrum(
                cell, params, inputs, carry=start, num_exponents=1, num_discarded=200
            )
            return outputs[-NUM_KEPT:, 0], exponents[0]

        found = jax.jit(jax.vmap(run))(jnp.asarray(gains))
        return np.asarray(found[0]), np.asarray(found[1])


def onset(gains: np.ndarray, exponents: np.ndarray) -> float:
    """Returns the first gain with chaos: an exponent above 0.01.

    Raises:
      ValueError: if there is none.
    """
    chaotic = exponents > 0.01
    if not chaotic.any():
        raise ValueError(f"gains must reach chaos, got {gains[0]:g} to {gains[-1]:g}.")
    return float(gains[chaotic.argmax()])


def plot(gains: np.ndarray, h: np.ndarray, exponents: np.ndarray) -> "Figure":
    """Plots where the orbits end, and the exponent below it."""
    figure = new_figure(8.0, 5.6)
    above, below = panels = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    g = np.repeat(gains, h.shape[1])
    for sign, color in ((1, BLUE), (-1, ORANGE)):
        label = f"from h₀ = {'−' if sign < 0 else ''}(0.1, 0.2)"
        above.plot(g, sign * h.ravel(), ",", color=color, alpha=0.35, label=label)
    above.set_ylabel("first unit, steps 1000 to 1200")
    above.set_title("two units without inputs: hₜ = tanh(g W hₜ₋₁),  W = (−1 1; −5 5)")
    legend = above.legend(frameon=False, loc="upper left")
    for handle in legend.legend_handles:
        handle.set(marker="o", markersize=5, alpha=1)
    below.plot(gains, exponents, color="0.3", linewidth=0.7)
    below.axhline(0, color="0.6", linewidth=0.8)
    below.fill_between(gains, 0, exponents, where=exponents > 0, color=RED)
    first = onset(gains, exponents)
    below.annotate(
        f"chaos from g = {first:.2f}",
        (first, 0.02),
        (first - 0.1, 0.45),
        ha="right",
        arrowprops={"arrowstyle": "-", "color": "0.4"},
    )
    below.set_ylim(-1.5, 0.7)
    below.set_xlim(gains[0], gains[-1])
    below.set_xlabel("gain g")
    below.set_ylabel("Lyapunov exponent\nnats per step")
    hide_frame(*panels)
    return figure
