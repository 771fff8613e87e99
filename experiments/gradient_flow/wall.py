"""Figure 4: the error surface with its wall, and the step that clipping shortens."""

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.shared.figures import RED, new_figure
from rnnjax import unroll
from rnnjax.base import Array
from rnnjax.cells.elman_variants import elman_before_activation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUM_STEPS = 50
FIRST_STATE, TARGET = 0.5, 0.7
CORNERS = (4.2, 5.4), (-3.1, -2.1)  # of the surface, w and b
VIEW = (4.7, 5.1), (-2.75, -2.4)  # of the descents
START = 5.0, -2.5
LEARNING_RATE = 0.05
MAX_NORM = 0.5
NUM_UPDATES = 40


class Surface(NamedTuple):
    """The error over the plane of both weights.

    Attributes:
      w: `[size, size]`.
      b: `[size, size]`.
      errors: `[size, size]`.
      norms: `[size, size]`, of the gradient.
    """

    w: np.ndarray
    b: np.ndarray
    errors: np.ndarray
    norms: np.ndarray


class Descent(NamedTuple):
    """A gradient descent.

    Attributes:
      points: `[NUM_UPDATES + 1, 2]`, w and b before each update and after the last.
      losses: `[NUM_UPDATES + 1]`.
      norms: `[NUM_UPDATES + 1]`, of the gradient there, before clipping.
    """

    points: np.ndarray
    losses: np.ndarray
    norms: np.ndarray


def loss(point: Array) -> Array:
    """Computes the error of a network of one unit after 50 steps without inputs.

        xₜ = w σ(xₜ₋₁) + b,  x₀ = 0.5,  E = (σ(x₅₀) - 0.7)²

    Args:
      point: `[2]`, w and b.

    References:
      Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
      networks", ICML 2013, figure 6.
    """
    cell = elman_before_activation(1, activation="sigmoid")
    w, b = point
    dtype = point.dtype
    params = {
        "kernel": jnp.zeros((1, 1), dtype),
        "recurrent_kernel": w[None, None],
        "bias": b[None],
    }
    inputs = jnp.zeros((NUM_STEPS, 1), dtype)
    first = jnp.full(1, FIRST_STATE, dtype)
    _, outputs = unroll(cell, params, inputs, carry=first)
    return (outputs[-1, 0] - TARGET) ** 2


def surface(size: int) -> Surface:
    """Computes the error and its gradient on a grid that is dense along the wall.

    At the wall, x₀ is an unstable fixed point: b = x₀ - w σ(x₀).

    Args:
      size: points per side.
    """
    w = np.linspace(*CORNERS[0], size)
    foot = FIRST_STATE - w / (1 + np.exp(-FIRST_STATE))
    off = np.linspace(-1, 1, size)[:, None] ** 3
    low, high = CORNERS[1]
    b = foot + np.where(off < 0, foot - low, high - foot) * off
    w = np.broadcast_to(w, b.shape)
    with jax.enable_x64(True):
        at_points = jax.jit(jax.vmap(jax.vmap(jax.value_and_grad(loss))))
        errors, gradients = at_points(jnp.stack([w, b], axis=-1))
        return Surface(w, b, np.asarray(errors), np.linalg.norm(gradients, axis=-1))


def descend(max_norm: float) -> Descent:
    """Descends from `START` in steps of at most `LEARNING_RATE * max_norm`."""
    with jax.enable_x64(True):

        def body(point, _):
            error, gradient = jax.value_and_grad(loss)(point)
            norm = jnp.linalg.norm(gradient)
            step = LEARNING_RATE * gradient * jnp.minimum(1, max_norm / norm)
            return point - step, (point, error, norm)

        run = jax.jit(lambda start: jax.lax.scan(body, start, None, NUM_UPDATES + 1)[1])
        return Descent(*map(np.asarray, run(jnp.asarray(START, jnp.float64))))


def plot(over: Surface, plain: Descent, clipped: Descent) -> "Figure":
    """Plots the surface as a landscape, and both descents on it from above."""
    figure = new_figure(10.4, 4.4)
    _plot_landscape(figure, figure.add_subplot(1, 2, 1, projection="3d"), over)
    panel = figure.add_subplot(1, 2, 2)
    shown = panel.contourf(over.w, over.b, over.errors, levels=25, cmap="cividis")
    figure.colorbar(shown, ax=panel, label="error after 50 steps")
    for descent, style, label in (
        (plain, {"color": RED, "lw": 4}, "plain"),
        (clipped, {"color": "white", "marker": "o", "ms": 3}, "clipped"),
    ):
        error = f"{label}: final error {descent.losses[-1]:.3f}"
        panel.plot(*descent.points.T, label=error, **style)
    panel.plot(*START, "*", color="black", ms=12, label="start")
    panel.set(xlim=VIEW[0], ylim=VIEW[1], xlabel="w", ylabel="b")
    panel.set_title(f"{NUM_UPDATES} steps of gradient descent, from above")
    panel.legend(loc="upper left", fontsize=8.5, facecolor="0.75")
    farthest = plain.points[np.abs(plain.points - START).sum(1).argmax()]
    text = "thrown to\nw = {:.2f}, b = {:.2f}".format(*farthest)
    panel.text(4.835, -2.74, text.replace("-", "−"), color="black", fontsize=9)
    return figure


def _plot_landscape(figure, panel, over):
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    colors = ScalarMappable(LogNorm(1e-2, 1e5), colormaps["viridis"])
    panel.plot_surface(
        over.w,
        over.b,
        over.errors,
        facecolors=colors.to_rgba(over.norms),
        rcount=len(over.w),
        ccount=len(over.w),
        linewidth=0,
        shade=False,
    )
    panel.view_init(elev=30, azim=-140)
    panel.set(xlabel="w", ylabel="b")
    panel.set_title("error of xₜ = w σ(xₜ₋₁) + b after 50 steps")
    figure.colorbar(
        colors, ax=panel, label="norm of its gradient", shrink=0.8, location="left"
    )
