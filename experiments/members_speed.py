"""Training many networks: all in one program against one after another.

Seeds of one network learn to recall the first symbol of a sequence, in two ways: all
seeds in one program, split over one device per core; and one program per seed, run one
after another. Both give the same parameters, and both wait for an update before the
next, as in training. A time is the fastest of several turns, taken alternately.

  python -m experiments.members_speed
  python -m experiments.members_speed --cell lstm --num-members 64

Expected on two free cores: at least twice as fast, with parameters equal to 1e-5 after
ten updates. Takes 20 seconds there.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
import optax
from jax.sharding import Mesh

from experiments.harness import Run, RunConfig, flag, guarded, main
from experiments.harness.names import look_up
from experiments.shared.cells import cell_makers
from experiments.shared.devices import make_mesh, split_batch, start_member_devices
from experiments.shared.figures import hide_frame, new_figure
from experiments.shared.members import members_update, start_members
from rnnjax import Layer, cross_entropy, dense, recurrent, stack

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUM_UPDATES = 10
NUM_SYMBOLS = 6
WAYS = ("one after another", "in one program")


@dataclasses.dataclass(frozen=True)
class Config(RunConfig):
    """Flags of the comparison."""

    cell: str = flag("elman", "cell of the networks, by the name of its maker")
    num_members: int = flag(32, "networks at most", minimum=1)
    hidden_size: int = flag(50, "width of the cell", minimum=1)
    batch_size: int = flag(20, "sequences per update", minimum=1)
    num_steps: int = flag(50, "steps per sequence", minimum=1)
    num_turns: int = flag(10, "turns of ten updates, of which the fastest counts")
    num_devices: int | None = flag(None, "devices; none: one per core", minimum=1)


class Prepared(NamedTuple):
    """What both ways train with.

    Attributes:
      init: `key -> (params, opt_state)`.
      update: `(state, key, index) -> (state, metrics)` of one network.
      mesh: the devices.
    """

    init: Callable[[Any], Any]
    update: Callable[[Any, Any, Any], tuple[Any, dict[str, Any]]]
    mesh: Mesh


def make_model(config: Config) -> Layer:
    """Makes one network.

    Raises:
      ValueError: if there is no cell of that name.
    """
    cell = look_up("cell", config.cell, cell_makers())(config.hidden_size)
    return stack(recurrent(cell), dense(NUM_SYMBOLS))


def prepare(config: Config) -> Prepared:
    """Starts the devices, and makes the model, its loss and its optimizer."""
    mesh = make_mesh(start_member_devices(config.num_devices, config.num_members))
    model = make_model(config)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.01))

    def loss(params, symbols):
        inputs = jax.nn.one_hot(symbols, NUM_SYMBOLS)
        _, outputs = model.apply(params, None, inputs)
        return cross_entropy(outputs[-1], symbols[0]).mean()

    def init(key):
        params = model.init(key, NUM_SYMBOLS)
        return params, optimizer.init(params)

    def update(state, key, index):
        params, opt_state = state
        shape = (config.num_steps, config.batch_size)
        batch_key = jax.random.fold_in(key, index)
        symbols = jax.random.randint(batch_key, shape, 0, NUM_SYMBOLS)
        value, grads = jax.value_and_grad(loss)(params, symbols)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        metrics = {"loss": value, "grad_norm": optax.tree.norm(grads)}
        return (optax.apply_updates(params, updates), opt_state), metrics

    return Prepared(init, update, mesh)


def show(config: Config, run: Run) -> None:
    """Trains 2, 8, 32, ... networks both ways, and plots the times."""
    prepared = prepare(config)
    num_devices = prepared.mesh.size
    run.record_choice("num_devices", num_devices)
    sizes = [config.num_members]
    while sizes[0] % 4 == 0 and sizes[0] // 4 % num_devices == 0:
        sizes.insert(0, sizes[0] // 4)
    run.rewind(0)
    rows = []
    for size in sizes:
        alone, together = make_ways(config, prepared, size)
        difference = largest_difference(alone(), together())
        times = fastest([alone, together], config.num_turns)
        rows.append((size, *times))
        run.log(
            size,
            networks=size,
            **{name: 1e3 * seconds for name, seconds in zip(WAYS, times)},
            times_as_fast=times[0] / times[1],
            largest_difference=difference,
        )
        run.print(
            f"{size} networks: {1e3 * times[0]:.1f} ms per update of all one after "
            f"another, {1e3 * times[1]:.1f} ms in one program on {num_devices} "
            f"devices, {times[0] / times[1]:.2f} times as fast; parameters differ by "
            f"{difference:.1e} after {NUM_UPDATES} updates"
        )
    run.write_plot("members_speed", plot_times(rows, config))


def make_ways(
    config: Config, prepared: Prepared, num_members: int
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Makes the two ways; each trains from the start and returns its params.

    The first returns a list of the params of each network, the second `[M, ...]`.
    """
    init, update, mesh = prepared
    keys = jax.random.split(jax.random.key(config.seed), num_members)
    split_keys = split_batch(keys, mesh, axis=0)
    update_all = members_update(update, mesh)
    start = start_members(init, update, split_keys, mesh)
    update_one = jax.jit(guarded(update))
    starts = list(map(jax.jit(init), keys))

    def one_after_another():
        trained = []
        for key, state in zip(keys, starts):
            for index in range(NUM_UPDATES):
                state, _ = jax.block_until_ready(update_one(state, key, index))
            trained.append(state[0])
        return trained

    def in_one_program():
        members = start
        for index in range(NUM_UPDATES):
            members = jax.block_until_ready(update_all(members, split_keys, index))
        return members.state[0]

    return one_after_another, in_one_program


def largest_difference(alone: list[Any], together: Any) -> float:
    """Returns the largest difference between the parameters of the two ways."""
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *alone)
    apart = jax.tree.map(
        lambda a, b: np.abs(a - np.asarray(b)).max(), stacked, together
    )
    return float(max(jax.tree.leaves(apart)))


def fastest(ways: list[Callable[[], Any]], num_turns: int) -> list[float]:
    """Returns the seconds per update of the fastest turn of each way."""
    times = [[] for _ in ways]
    for _ in range(num_turns):
        for way, of_way in zip(ways, times):
            start = time.perf_counter()
            way()
            of_way.append((time.perf_counter() - start) / NUM_UPDATES)
    return [min(of_way) for of_way in times]


def plot_times(rows: list[tuple[int, float, float]], config: Config) -> "Figure":
    """Plots the time per update of all networks against their number."""
    figure = new_figure()
    axes = figure.add_subplot()
    sizes, *times = zip(*rows)
    for name, of_way in zip(WAYS, times):
        axes.plot(sizes, [1e3 * x for x in of_way], "o-", label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.set_xticks(sizes)
    axes.set_xlabel(f"networks: {config.cell} of {config.hidden_size} units")
    axes.set_ylabel("ms per update of all")
    hide_frame(axes)
    axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    main(show, Config)
