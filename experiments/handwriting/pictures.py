"""Pictures of a run: lines, the window over a text, the densities over a line."""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.data.strokes import Drawing, from_offsets
from experiments.handwriting.loading import Symbols, encode_text, scaled, unscaled
from experiments.handwriting.writing import Written
from experiments.shared.compiling import quick_compile
from experiments.shared.figures import new_figure
from rnnjax.losses.bivariate import bivariate_normal
from rnnjax.losses.mixtures import mixture
from rnnjax.models.handwriting import Handwriting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DENSITY_HEIGHT = 90  # pixels of a picture of densities
MOST_WIDTH = 900
MOST_POINTS = 400  # of a line in it


def plot_lines(lines: Sequence[tuple[str, Sequence[np.ndarray]]]) -> "Figure":
    """Draws lines of strokes below each other, in one scale, each with its title."""
    extents = [np.ptp(np.concatenate(strokes), axis=0) for _, strokes in lines]
    width, height = np.max(extents, axis=0) + 1e-9
    own_height = min(max(7.5 * height / width, 0.4), 2.0)  # inches, of a line
    figure = new_figure(7.0, (own_height + 0.2) * len(lines))
    panels = figure.subplots(len(lines), 1, squeeze=False)[:, 0]
    for axes, (title, strokes) in zip(panels, lines):
        points = np.concatenate(strokes)
        left, middle = points[:, 0].min(), (points[:, 1].min() + points[:, 1].max()) / 2
        _draw(axes, strokes)
        axes.set_xlim(left - 0.02 * width, left + 1.02 * width)
        axes.set_ylim(middle + 0.55 * height, middle - 0.55 * height)
        axes.set_title(title, fontsize=6, loc="left", pad=1)
    return figure


def plot_window(written: Written, symbols: Symbols) -> "Figure":
    """Draws where the window was over the text at each point of a line."""
    weights = written.window
    assert weights is not None
    figure = new_figure(7.0, 3.6)
    above, below = figure.subplots(2, 1, height_ratios=(1, 2.4))
    _draw(above, from_offsets(unscaled(written.offsets, symbols)))
    below.imshow(weights.T, cmap="Greys", aspect="auto", origin="lower", vmin=0)
    ticks = [*written.text.replace(" ", "␣"), "end"]
    below.set_yticks(range(len(ticks)), ticks, fontsize=6)
    below.set(xlabel="points", ylabel="characters")
    return figure


class DensityMap(NamedTuple):
    """Where the next points of a line were expected.

    Attributes:
      sums: `[height, width]`, at each place the sum over all points of the density of
        the place of the next one, per area in which offsets have a deviation of 1.
      places: `[height, width, 2]`, the places (x, y), in the line's own coordinates,
        where its first point is at the origin.
      strokes: the strokes, likewise.
    """

    sums: np.ndarray
    places: np.ndarray
    strokes: list[np.ndarray]


def make_density_map(
    module: Handwriting, symbols: Symbols
) -> Callable[[Any, Drawing], DensityMap]:
    """Makes `density_map(params, drawing)`, which takes the first 400 points."""
    graph = nnx.graphdef(module)
    num_components = (module.density.num_outputs - 1) // 6
    density = mixture(bivariate_normal(), num_components)

    @functools.partial(jax.jit, compiler_options=quick_compile())
    def sum_densities(params, rows, text, places, points):
        outputs = nnx.merge(graph, params)(rows[None], text)[0]
        mixtures = module.density.params(outputs).value

        def of_point(step):
            params, point = step
            return jnp.exp(density.log_prob(params, places - point))

        # In a loop, since a point's densities are already a whole picture.
        return jax.lax.map(of_point, (mixtures, points)).sum(axis=0)

    def density_map(params: Any, drawing: Drawing) -> DensityMap:
        rows = scaled(drawing.strokes, symbols)[:MOST_POINTS]
        own = unscaled(rows, symbols)
        own[0, :2] = 0
        # In places divided by the scale a step's densities are those of scaled offsets,
        # but for the mean, which is added to where they start.
        scale = np.array(symbols.scale)
        points = np.cumsum(own[:, :2], axis=0) / scale
        starts = points[:-1] + np.array(symbols.mean) / scale
        low, high = points.min(axis=0) - 1, points.max(axis=0) + 1
        # Pixels are square in the drawing's own coordinates.
        extents = (high - low) * scale
        sizes = np.ceil(extents / extents[1] * DENSITY_HEIGHT).astype(int)
        columns = [
            np.linspace(low[i], high[i], min(sizes[i], MOST_WIDTH)) for i in (0, 1)
        ]
        places = np.stack(np.meshgrid(*columns), axis=-1)
        text = None
        if symbols.characters is not None:
            text = jnp.asarray(encode_text(drawing.text or "", symbols))[None]
        arrays = (x.astype(np.float32) for x in (places, starts))
        sums = jax.device_get(sum_densities(params, rows[:-1], text, *arrays))
        return DensityMap(sums, places * scale, from_offsets(own))

    return density_map


def plot_densities(shown: DensityMap) -> "Figure":
    """Draws where each next point was expected above the line itself."""
    figure = new_figure(7.0, 3.2)
    above, below = figure.subplots(2, 1)
    sums = shown.sums
    bright = np.log1p(sums / np.median(sums[sums > sums.max() / 1e3]))
    above.imshow(bright, cmap="inferno", aspect="equal")
    above.axis("off")
    _draw(below, shown.strokes)
    return figure


def _draw(axes: "Axes", strokes: Sequence[np.ndarray]) -> None:
    for stroke in strokes:
        if len(stroke) > 1:
            axes.plot(*stroke.T, color="black", linewidth=0.9)
        else:
            axes.plot(*stroke.T, ".", color="black", markersize=2)
    axes.set_aspect("equal")
    axes.axis("off")
    if not axes.yaxis_inverted():
        axes.invert_yaxis()
