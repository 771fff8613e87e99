"""Networks that are to be compared, and all that is done with the members of each."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jax.sharding import Mesh

from experiments.memory.config import TEST_BATCH, Config
from experiments.memory.grid import Setting
from experiments.memory.networks import Network, look_up, make_network
from experiments.memory.task import Task
from experiments.memory.training import (
    Gradients,
    make_examination,
    make_gradients,
    make_learner,
    make_penalized_gradients,
    make_rule,
    make_update,
)
from experiments.shared.members import (
    Members,
    members_examination,
    members_update,
    start_members,
)

# The hyperparameters that each method has.
METHODS: dict[str, tuple[str, ...]] = {
    "plain": ("learning_rate",),
    "clipped": ("learning_rate", "max_norm"),
    "regularized": ("learning_rate", "max_norm", "penalty"),
}


class Contestant(NamedTuple):
    """A network, and what is done with all its members.

    Attributes:
      start: makes the members.
      update: `(members, settings, index) -> members`, see `members_update`.
      examine: the same, see `members_examination`.
    """

    start: Callable[[], Members]
    update: Callable[[Members, Any, Any], Members]
    examine: Callable[[Members, Any, Any], Members]


def make_contestants(
    config: Config, task: Task, settings: Setting, mesh: Mesh
) -> dict[str, Contestant]:
    """Makes the networks to compare: of each cell, with each method, by their names.

    Raises:
      ValueError: if there is no cell, layer or method of a name, or the grid varies
        what a method has not.
    """
    check_methods(config.methods, config.varied)
    return {
        cell if len(config.methods) == 1 else f"{cell} {method}": _make_contestant(
            config, cell, method, task, settings, mesh
        )
        for cell, method in itertools.product(config.cells, config.methods)
    }


def check_methods(methods: Sequence[str], varied: Sequence[str]) -> None:
    """Checks that the methods are known, and the grid means something to each.

    Raises:
      ValueError: if not.
    """
    for method in methods:
        fields = look_up("methods", method, METHODS)
        for name in varied:
            if name not in fields:
                raise ValueError(
                    f"grid must vary what the method {method} has, "
                    f"{' or '.join(fields)}, got {name!r}."
                )


def _make_contestant(
    config: Config, cell: str, method: str, task: Task, settings: Setting, mesh: Mesh
) -> Contestant:
    sizes = config.hidden_size, config.num_layers
    network = make_network(cell, config.layer, *sizes, task.output_size)
    gradients = _make_gradients(network, method, task)
    rule = make_rule(config.optimizer, clips="max_norm" in METHODS[method])
    update = make_update(gradients, task, rule, config.batch_size)
    num_batches = config.num_tests // TEST_BATCH
    examine = make_examination(network.layer, task, num_batches, TEST_BATCH)
    init = make_learner(network.layer, task, rule)
    return Contestant(
        lambda: start_members(init, update, settings, mesh),
        members_update(update, mesh),
        members_examination(examine, task.solved_below, mesh),
    )


def _make_gradients(network: Network, method: str, task: Task) -> Gradients:
    if "penalty" not in METHODS[method]:
        return make_gradients(network.layer, task)
    if network.cell is None:
        raise ValueError(
            f"methods must be without {method} where the layer is not a stack of one "
            f"cell, got {method!r}."
        )
    return make_penalized_gradients(network.cell, network.readout, task)
