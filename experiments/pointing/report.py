"""What a run of pointing measures, writes and draws."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax import nnx

from experiments.data.orders import Ordered
from experiments.pointing.loading import Batch, Batcher, Elements
from experiments.pointing.polygons import area, is_simple
from experiments.shared import buckets as bucketing
from experiments.shared.figures import BLUE, ORANGE, hide_frame, new_figure
from rnnjax.models.pointer_network import PointerNetwork

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Orders = Sequence[tuple[int, ...]]


def measure_orders(sets: Sequence[Ordered], found: Orders, task: str) -> dict:
    """Compares orders with the true ones.

    Args:
      sets: the sets.
      found: an order for each.
      task: of a hull, polygons are measured too.

    Returns:
      `exact`, the share of orders that are the true one; of hulls also `invalid`, the
      share of polygons that have fewer than three corners or sides that cross, and
      `area`, the mean share of the true hull's area that the others cover; 0 if there
      are no others.

    References:
      Vinyals, Fortunato and Jaitly, "Pointer Networks", NeurIPS 2015, section 4.2. They
      count an order as right from whichever corner it begins.
    """
    exact = np.mean([own.order == order for own, order in zip(sets, found)])
    metrics = {"exact": float(exact)}
    if task == "hull":
        shares = []
        for own, order in zip(sets, found):
            polygon = own.elements[list(order)]
            if is_simple(polygon):
                whole = abs(area(own.elements[list(own.order)]))
                shares.append(abs(area(polygon)) / whole)
        metrics["invalid"] = 1 - len(shares) / len(sets)
        metrics["area"] = float(np.mean(shares)) if shares else 0.0
    return metrics


def by_size(sets: Sequence[Ordered], found: Orders, task: str) -> dict[int, dict]:
    """Returns what `measure_orders` does for the sets of each size."""
    groups = defaultdict(list)
    for own, order in zip(sets, found):
        groups[len(own.elements)].append((own, order))
    by_size = {}
    for size in sorted(groups):
        own, orders = zip(*groups[size])
        by_size[size] = measure_orders(own, orders, task)
    return by_size


def make_loss(
    prepared_loss: Callable[..., jax.Array], elements: Elements, batch_size: int
) -> Callable[..., float]:
    """Makes `loss(params, sets)`: the mean nats per step with true inputs."""
    loss_of = jax.jit(prepared_loss)

    def loss(params: Any, sets: Sequence[Ordered]) -> float:
        batcher = Batcher(sets, elements, batch_size)
        total, count = 0.0, 0
        for rows in bucketing.rows_in_order(batcher.buckets):
            batch = batcher.batch(rows)
            num_steps = int(batch.mask.sum())
            total += float(loss_of(params, batch, None)) * num_steps
            count += num_steps
        return total / count

    return loss


def show_orders(sets: Sequence[Ordered], found: Orders, most: int = 20) -> str:
    """Returns the first sets with the true and the found orders, places from 1."""

    def places(order):
        return " ".join(str(place + 1) for place in order)

    lines = []
    for own, order in zip(sets[:most], found):
        lines.append(" ".join(f"{x:.4g}" for x in own.elements.ravel()))
        lines += [f"  true:  {places(own.order)}", f"  found: {places(order)}"]
    return "\n".join(lines)


def plot_sizes(metrics: dict[int, dict], sizes: tuple[int, int]) -> "Figure":
    """Draws the share of exact orders against the size of the sets."""
    figure = new_figure(6.0, 3.8)
    axes = figure.add_subplot()
    exact = [own["exact"] for own in metrics.values()]
    axes.plot(list(metrics), exact, "o-", color=BLUE, label="exact")
    if "area" in next(iter(metrics.values())):
        covered = [own["area"] for own in metrics.values()]
        axes.plot(list(metrics), covered, "o-", color=ORANGE, label="area covered")
    axes.axvspan(*sizes, color="0.93", zorder=0, label="sizes of training")
    axes.set(xlabel="elements", ylabel="share", ylim=(-0.02, 1.02))
    hide_frame(axes)
    axes.legend(frameon=False)
    return figure


def plot_hulls(sets: Sequence[Ordered], found: Orders, most: int = 8) -> "Figure":
    """Draws the hulls found over the true ones, of the first sets."""
    sets = sets[:most]
    figure = new_figure(10.0, 5.2)
    panels = figure.subplots(2, -(-len(sets) // 2), squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, own, order in zip(panels, sets, found):
        x, y = own.elements.T
        for places, style in (
            (own.order, {"color": BLUE, "linewidth": 4, "alpha": 0.35}),
            (order, {"color": ORANGE, "linewidth": 1.4}),
        ):
            closed = [*places, *places[:1]]
            axes.plot(x[closed], y[closed], **style)
        axes.plot(x, y, "o", color="0.2", markersize=3)
        for number, place in enumerate(order, 1):
            axes.annotate(str(number), (x[place], y[place]), fontsize=8)
        axes.set(aspect="equal", title="exact" if order == own.order else "other")
    handles = [lines for lines in panels[0].lines[:2]]
    figure.legend(handles, ["true", "found"], loc="outside lower center", ncols=2)
    return figure


def make_picture(
    module: PointerNetwork, elements: Elements
) -> Callable[[Any, Sequence[Ordered]], "Figure"]:
    """Makes `picture(params, sets)`: the pointer's weights for the first four sets.

    Columns are the elements in the order of the line, rows the steps of the true order.
    """
    graph = nnx.graphdef(module)

    @jax.jit
    def weigh(params, batch: Batch):
        logits = nnx.merge(graph, params)(
            batch.elements,
            batch.inputs,
            source_mask=batch.element_mask,
            mask=batch.mask,
        )
        return jax.nn.softmax(logits)

    def picture(params: Any, sets: Sequence[Ordered]) -> "Figure":
        chosen = sets[:4]
        batcher = Batcher(chosen, elements, len(chosen), max_shapes=1)
        (rows,) = bucketing.rows_in_order(batcher.buckets)
        weights = jax.device_get(weigh(params, batcher.batch(rows)))
        figure = new_figure(3.4 * len(chosen), 3.8)
        panels = figure.subplots(1, len(chosen), squeeze=False)[0]
        for axes, index in zip(panels, rows.indices):
            own = chosen[index]
            names = ["end", *(_name(x) for x in own.elements)]
            num_steps = len(own.order) + 1
            shown = weights[list(rows.indices).index(index), :num_steps, : len(names)]
            axes.imshow(shown, cmap="Greys", vmin=0, vmax=1, aspect="auto")
            axes.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
            axes.set_yticks(range(num_steps), range(1, num_steps + 1), fontsize=7)
            axes.set(xlabel="element", ylabel="step")
        return figure

    return picture


def _name(element: np.ndarray) -> str:
    return " ".join(f"{number:.3g}" for number in element)
