"""How much faster networks are trained side by side than one after the other.

Seeds of one network learn the temporal order problem, in two ways: all of them in one
program, spread over one device a core; and as many runs of the program for one. Both
give the same parameters, and both wait for an update before the next, as a training
does. The times are the least of several turns taken in exchange.

  python -m experiments.members_speed
  python -m experiments.members_speed --cell lstm --num-members 64

Expected on two free cores: at least twice as fast, parameters equal to 1e-5 after ten
updates. Takes 20 seconds there.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from experiments.harness import Run, RunConfig, flag, guarded, main
from experiments.memory.grid import Hyperparameters, make_settings
from experiments.memory.networks import make_network
from experiments.memory.symbols import temporal_order
from experiments.memory.training import (
    make_gradients,
    make_learner,
    make_rule,
    make_update,
)
from experiments.shared.devices import make_mesh, split_batch, start_member_devices
from experiments.shared.members import members_update, start_members

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUM_UPDATES = 10
ROUTES = ("one after the other", "in one program")


@dataclasses.dataclass(frozen=True)
class Config(RunConfig):
    """Flags of the comparison."""

    cell: str = flag("elman", "cell of the networks, by the name of its maker")
    num_members: int = flag(32, "networks at most", minimum=1)
    hidden_size: int = flag(50, "width of the cell", minimum=1)
    batch_size: int = flag(20, "sequences of an update", minimum=1)
    num_steps: int = flag(50, "steps of a sequence", minimum=10)
    num_turns: int = flag(10, "turns of ten updates, of which the fastest counts")
    num_devices: int | None = flag(None, "devices; none: one a core", minimum=1)

    def settled(self) -> "Config":
        """Settles how many devices there are, and starts them."""
        number = start_member_devices(self.num_devices, self.num_members)
        return dataclasses.replace(self, num_devices=number)


def show(config: Config, run: Run) -> None:
    """Trains more and more networks both ways, and draws the times."""
    config = config.settled()
    run.record_choice("num_devices", config.num_devices)
    sizes = [config.num_members]
    while sizes[0] % 4 == 0 and sizes[0] // 4 % (config.num_devices or 1) == 0:
        sizes.insert(0, sizes[0] // 4)
    run.rewind(0)
    rows = []
    for size in sizes:
        alone, together = make_routes(config, size)
        difference = largest_difference(alone(), together())
        times = fastest([alone, together], config.num_turns)
        rows.append((size, *times))
        run.log(
            size,
            networks=size,
            **{name: 1e3 * seconds for name, seconds in zip(ROUTES, times)},
            times_as_fast=times[0] / times[1],
            largest_difference=difference,
        )
        run.print(
            f"{size} networks: {1e3 * times[0]:.1f} ms an update of all one after the "
            f"other, {1e3 * times[1]:.1f} ms in one program on {config.num_devices} "
            f"devices, {times[0] / times[1]:.2f} times as fast; parameters differ by "
            f"{difference:.1e} after {NUM_UPDATES} updates"
        )
    run.write_plot("members_speed", draw(rows, config))


def make_routes(
    config: Config, num_members: int
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Makes the two ways; each trains from the start and returns `[M, ...]` params."""
    task = temporal_order(config.num_steps)
    network = make_network(
        config.cell, "stack", config.hidden_size, 1, task.output_size
    ).layer
    rule = make_rule("sgd", clips=True)
    init = make_learner(network, task, rule)
    gradients = make_gradients(network, task)
    update = make_update(gradients, task, rule, config.batch_size)
    points = [Hyperparameters(0.01, 1.0, 1.0)]
    settings = make_settings(points, num_members, config.seed)
    mesh = make_mesh(config.num_devices or 1)
    shared = split_batch(settings, mesh, axis=0)
    update_all = members_update(update, mesh)
    start = start_members(init, update, shared, mesh)
    update_one = jax.jit(guarded(update))
    alone = [_part(settings, i) for i in range(num_members)]
    starts = [jax.jit(init)(setting) for setting in alone]

    def one_after_the_other():
        trained = []
        for setting, learner in zip(alone, starts):
            for index in range(NUM_UPDATES):
                learner, _ = jax.block_until_ready(update_one(learner, setting, index))
            trained.append(learner.params)
        return trained

    def in_one_program():
        members = start
        for index in range(NUM_UPDATES):
            members = jax.block_until_ready(update_all(members, shared, index))
        return members.state.params

    return one_after_the_other, in_one_program


def _part(tree: Any, index: int) -> Any:
    return jax.tree.map(lambda x: x[index], tree)


def largest_difference(alone: list[Any], together: Any) -> float:
    """Returns how far the parameters of the two ways are apart at most."""
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *alone)
    apart = jax.tree.map(
        lambda a, b: np.abs(a - np.asarray(b)).max(), stacked, together
    )
    return float(max(jax.tree.leaves(apart)))


def fastest(routes: list[Callable[[], Any]], num_turns: int) -> list[float]:
    """Returns the seconds of an update in the fastest turn of each route."""
    times = [[] for _ in routes]
    for _ in range(num_turns):
        for route, of_route in zip(routes, times):
            start = time.perf_counter()
            route()
            of_route.append((time.perf_counter() - start) / NUM_UPDATES)
    return [min(of_route) for of_route in times]


def draw(rows: list[tuple[int, float, float]], config: Config) -> "Figure":
    """Draws the time of an update of all networks against their number."""
    from matplotlib.figure import Figure  # of which `--help` shall know nothing

    figure = Figure(figsize=(7.0, 4.2), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    sizes, *times = zip(*rows)
    for name, of_route in zip(ROUTES, times):
        axes.plot(sizes, [1e3 * x for x in of_route], "o-", label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.set_xticks(sizes)
    axes.set_xlabel(f"networks: {config.cell} of {config.hidden_size} units")
    axes.set_ylabel("ms for an update of all")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    main(show, Config)
