"""Memory tasks: remembering what came hundreds of steps ago.

Adding, multiplication, temporal order, copy, memorization, permutation, digits; with
any cell of the catalogue, in one of four kinds of layer. Seeds and a grid of
hyperparameters are trained side by side in one program, on one device per core. A
member stops once it has solved the task or has diverged, while the others continue.

  python -m experiments.memory_tasks
  python -m experiments.memory_tasks --preset copy_dilated
  python -m experiments.memory_tasks --task temporal_order --cell elman_smart lstm
  python -m experiments.memory_tasks --cell gru --grid learning_rate=0.01,0.001
  python -m experiments.memory_tasks --task digits_rows --dataset mnist --data-dir DATA
  python -m experiments.memory_tasks --resume RUN

On adding, the best answer without memory has a mean squared error of 1/6 = 0.167. A
simple tanh network stays there; LSTM and GRU come below 0.001. See docs/results.md.

References:
  Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997;
  Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
  networks", ICML 2013; each task names its own.
"""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from experiments.harness import Run, TrainingConfig, fit, flag, main
from experiments.harness.names import look_up
from experiments.memory_tasks import figures, grid, success
from experiments.memory_tasks.grid import Hyperparameters, Setting
from experiments.memory_tasks.loading import IMAGES, SEQUENCES, load_task
from experiments.memory_tasks.task import Sequences, Task
from experiments.shared import members
from experiments.shared.cells import cell_makers
from experiments.shared.devices import make_mesh, split_batch, start_member_devices
from experiments.shared.optimizers import OptimizerFlags, make_rule
from rnnjax import Cell, Layer, bidirectional, dense, recurrent, residual, stack
from rnnjax.base import Array, Params
from rnnjax.layers import dilated_stack
from rnnjax.optimizers import clip_by_norm, clip_states
from rnnjax.regularizers import penalized_gradients

TEST_BATCH = 500
TEST_SEED = 2**31 - 1  # all members are tested on the same sequences


@dataclasses.dataclass(frozen=True)
class Config(OptimizerFlags, TrainingConfig):
    """Flags of the memory tasks."""

    task: str = flag("adding_bai", f"one of {', '.join(SEQUENCES | IMAGES)}")
    num_steps: int | None = flag(
        None, "T of the task; none: 100, or for digits as many as they take"
    )
    dataset: Literal["dot_matrix", "mnist"] = flag(
        "dot_matrix", "data set of digits; dot_matrix is made by code"
    )
    cell: tuple[str, ...] = flag(
        ("elman", "lstm", "gru"), "cells to compare, by the names of their makers"
    )
    layer: str = flag("stack", "stack, dilated, residual or bidirectional")
    hidden_size: int = flag(50, "width of each cell", minimum=1)
    num_layers: int = flag(1, "number of layers", minimum=1)
    method: tuple[str, ...] = flag(
        ("clipped",), "methods to compare: plain, clipped, regularized (and clipped)"
    )
    learning_rate: float = flag(1e-2, "learning rate", minimum=0)
    max_norm: float = flag(1.0, "global norm to which gradients are clipped", minimum=0)
    penalty_weight: float = flag(4.0, "weight of Pascanu's regularizer", minimum=0)
    grid: tuple[str, ...] = flag(
        (), "hyperparameters to vary, such as learning_rate=0.01,0.001 max_norm=1,10"
    )
    num_seeds: int = flag(2, "members per point of the grid", minimum=1)
    batch_size: int = flag(20, "sequences per update", minimum=1)
    num_tests: int = flag(
        1000, f"sequences per evaluation, a multiple of {TEST_BATCH}", minimum=1
    )
    num_updates: int = flag(1500, "updates per member at most")
    eval_every: int = flag(100, "updates between two evaluations")
    checkpoint_every: int = flag(500, "updates between two checkpoints")
    num_devices: int | None = flag(
        None, "devices that share the members; none: one per core", minimum=1
    )

    def __post_init__(self):
        """Checks what depends on several flags."""
        super().__post_init__()
        for name in Hyperparameters._fields:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")
        # A longer run must evaluate, and stop members, at the same updates.
        units = {"num_tests": TEST_BATCH, "num_updates": self.eval_every}
        for name, unit in units.items():
            if getattr(self, name) % unit:
                raise ValueError(
                    f"{name} must be a multiple of {unit}, got {getattr(self, name)}."
                )

    @property
    def points(self) -> tuple[Hyperparameters, ...]:
        """The points of the grid."""
        base = [getattr(self, name) for name in Hyperparameters._fields]
        return grid.grid_points(Hyperparameters(*base), self.grid)


ADDING = Config(num_steps=200, batch_size=32, num_updates=5000, eval_every=250)
COPY = Config(
    task="copy",
    num_steps=100,
    cell=("lstm",),
    learning_rate=3e-3,
    batch_size=32,
    num_seeds=1,
    num_updates=40_000,
    eval_every=500,
    checkpoint_every=5000,
)
PRESETS = {
    "adding_200": ADDING,
    "adding_400": dataclasses.replace(ADDING, num_steps=400),
    "copy_lstm": COPY,
    "copy_dilated": dataclasses.replace(
        COPY, cell=("gru",), layer="dilated", num_layers=7, hidden_size=20
    ),
    "temporal_order": Config(
        task="temporal_order",
        num_steps=50,
        cell=("elman_smart",),
        method=("plain", "clipped", "regularized"),
        optimizer="sgd",
        num_seeds=5,
        num_updates=100_000,
        eval_every=1000,
        checkpoint_every=10_000,
    ),
    "digits_rows": Config(
        task="digits_rows",
        dataset="mnist",
        cell=("lstm",),
        hidden_size=100,
        learning_rate=1e-3,
        batch_size=64,
        num_seeds=1,
        num_tests=10_000,
        num_updates=9000,
        eval_every=500,
    ),
}


LAYERS: dict[str, Callable[..., Layer]] = {
    "stack": lambda first, *others: stack(*map(recurrent, (first, *others))),
    "dilated": dilated_stack,
    "residual": lambda first, *others: stack(
        recurrent(first), *(residual(recurrent(cell)) for cell in others)
    ),
    "bidirectional": lambda *cells: stack(*map(bidirectional, cells)),
}


class State(NamedTuple):
    """What an update changes: parameters and the optimizer's state."""

    params: Params
    opt_state: Any


@dataclasses.dataclass(frozen=True)
class Variant:
    """A model of one cell, trained by one method; its functions are of one member.

    Attributes:
      task: what it learns.
      cell: the cell of every layer.
      readout: the last layer of the model.
      model: from inputs `[T, B, input_size]` to outputs `[T, B, output_size]`.
      method: one of `METHODS`.
      config: of the experiment.
    """

    task: Task
    cell: Cell
    readout: Layer
    model: Layer
    method: str
    config: Config

    def make_optimizer(
        self, hyperparameters: Hyperparameters
    ) -> optax.GradientTransformation:
        """Makes the optimizer, which clips first unless the method is plain."""
        rule = make_rule(self.config.optimizer, hyperparameters.learning_rate)
        if self.method == "plain":
            return rule
        return optax.chain(clip_by_norm(hyperparameters.max_norm), rule)

    def init(self, setting: Setting) -> State:
        """Makes the state before the first update."""
        params = self.model.init(setting.init_key, self.task.input_size)
        return State(params, self.make_optimizer(setting.hyperparameters).init(params))

    def loss(self, params: Params, sequences: Sequences) -> Array:
        """Computes the loss, averaged over the batch."""
        _, outputs = self.model.apply(
            params, None, sequences.inputs, mask=sequences.mask
        )
        return self.task.loss(outputs, sequences).mean()

    def penalized_gradients(
        self, params: Params, sequences: Sequences, weight: float | Array
    ) -> tuple[Array, Params]:
        """Computes the loss, and its gradients with Pascanu's penalty added."""

        def loss_of(readout_params, hidden):
            _, outputs = self.readout.apply(
                readout_params, None, hidden, mask=sequences.mask
            )
            return self.task.loss(outputs, sequences).mean()

        (cell_params,), readout_params = params
        got = penalized_gradients(
            loss_of,
            self.cell,
            cell_params,
            readout_params,
            sequences.inputs,
            weight=weight,
            mask=sequences.mask,
        )
        return got.loss, ((got.grads,), got.rest_grads)

    def update(
        self, state: State, setting: Setting, index: Array
    ) -> tuple[State, dict[str, Array]]:
        """Computes update `index`; its batch depends on the setting and `index`."""
        key = jax.random.fold_in(setting.data_key, index)
        sequences = self.task.sample(key, self.config.batch_size)
        if self.method == "regularized":
            weight = setting.hyperparameters.penalty_weight
            loss, grads = self.penalized_gradients(state.params, sequences, weight)
        else:
            loss, grads = jax.value_and_grad(self.loss)(state.params, sequences)
        updates, opt_state = self.make_optimizer(setting.hyperparameters).update(
            grads, state.opt_state, state.params
        )
        params = optax.apply_updates(state.params, updates)
        clipped = [clip.clipped_share for clip in clip_states(opt_state)]
        return State(params, opt_state), {
            "loss": loss,
            "grad_norm": optax.tree.norm(grads),
            "clipped_share": clipped[0] if clipped else jnp.zeros(()),
        }

    def evaluate(self, state: State, setting: Setting, index: Array) -> Array:
        """Computes the mean score on test sequences, new ones for each index."""
        del setting
        key = jax.random.fold_in(jax.random.key(TEST_SEED), index)

        def score_of_batch(batch):
            sequences = self.task.sample_test(key, batch, TEST_BATCH)
            _, outputs = self.model.apply(
                state.params, None, sequences.inputs, mask=sequences.mask
            )
            return self.task.score(outputs, sequences).mean()

        batches = jnp.arange(self.config.num_tests // TEST_BATCH)
        return jax.lax.map(score_of_batch, batches).mean()


def make_variant(config: Config, task: Task, cell: str, method: str) -> Variant:
    """Makes a model and the method by which it is trained.

    Raises:
      ValueError: if a name is unknown, or the method does not fit the layer.
    """
    made = look_up("cell", cell, cell_makers())(config.hidden_size)
    hidden = look_up("layer", config.layer, LAYERS)(*[made] * config.num_layers)
    is_one_cell = config.layer == "stack" and config.num_layers == 1
    if method == "regularized" and not is_one_cell:
        raise ValueError(
            "method must not be regularized where the layer is not a stack of one "
            f"cell, got layer {config.layer!r} of {config.num_layers}."
        )
    readout = dense(task.output_size)
    return Variant(task, made, readout, stack(hidden, readout), method, config)


class Prepared(NamedTuple):
    """What a configuration describes, ready for training.

    Attributes:
      task: samples the batches, and has the loss of outputs.
      variants: models, with losses and optimizers, to compare by name.
      settings: `[M]`, what differs between members, split over the devices.
      mesh: the devices.
      digests: SHA-256 of each file that was read, by name.
    """

    task: Task
    variants: dict[str, Variant]
    settings: Setting
    mesh: Mesh
    digests: dict[str, str]


def prepare(config: Config) -> Prepared:
    """Starts the devices and makes everything that training needs.

    Raises:
      ValueError: if flags do not fit together, or a name is unknown.
      MissingData: if the data set is not on this machine.
      BadInput: if a file of it is damaged.
    """
    grid.check_methods(config.method, grid.varied_fields(config.grid))
    num_members = len(config.points) * config.num_seeds
    mesh = make_mesh(start_member_devices(config.num_devices, num_members))
    task, digests = load_task(
        config.task, config.num_steps, config.dataset, config.data_dir
    )
    variants = {
        cell if len(config.method) == 1 else f"{cell} {method}": make_variant(
            config, task, cell, method
        )
        for cell, method in itertools.product(config.cell, config.method)
    }
    settings = grid.make_settings(config.points, config.num_seeds, config.seed)
    return Prepared(task, variants, split_batch(settings, mesh, axis=0), mesh, digests)


def train(config: Config, run: Run) -> None:
    """Trains all members of all variants, and reports how many solved the task."""
    task, variants, settings, mesh, digests = prepare(config)
    run.record_choice("num_devices", mesh.size)
    for file, digest in digests.items():
        run.record_data(file, digest)
    state, updates, evaluations = {}, {}, {}
    for name, variant in variants.items():
        state[name] = members.start_members(
            variant.init, variant.update, settings, mesh
        )
        updates[name] = members.members_update(variant.update, mesh)
        evaluations[name] = members.members_evaluation(
            variant.evaluate, task.solved_below, mesh
        )

    def for_each(functions, state, index):
        # Waits for each: programs of two variants would compete for the same threads.
        return {
            name: jax.block_until_ready(functions[name](state[name], settings, index))
            for name in state
        }

    def update(state, index):
        state = for_each(updates, state, index)
        metrics = [of_variant.metrics for of_variant in state.values()]
        return state, {
            name: np.mean([values[name] for values in metrics]) for name in metrics[0]
        }

    def describe(state):
        return {name: success.describe_scores(state[name]) for name in variants}

    def evaluate(state, done):
        state = for_each(evaluations, state, done - 1)
        run.log(done, members=describe(state))
        run.write_plot("scores", figures.plot_scores(run.metrics(), task))
        return state, {name: success.median_score(state[name]) for name in variants}

    def is_finished(state):
        return not any(
            (of_variant.status == members.RUNNING).any()
            for of_variant in state.values()
        )

    state = fit(
        run,
        state,
        update,
        evaluate,
        units_per_update=len(variants) * len(settings.init_key) * config.batch_size,
        unit="sequences",
        is_finished=is_finished,
    )
    fields = grid.varied_fields(config.grid)
    table = success.success_table(
        describe(state), config.points, fields, task.score_name
    )
    run.print(f"\n{table}\n")


if __name__ == "__main__":
    main(train, Config, presets=PRESETS)
