"""Memory tasks: who remembers what stood hundreds of steps ago.

Adding, multiplication, temporal order, copy, memorization, permutation, digits; any
cell of the catalogue, in any of four layers. Seeds and a grid of hyperparameters are
trained side by side in one program, on one device a core; each member stops by itself
when it has solved the task, and one that is not finite any more is left behind.

  python -m experiments.memory_tasks
  python -m experiments.memory_tasks --preset copy_dilated
  python -m experiments.memory_tasks --task temporal_order --cells elman_smart lstm
  python -m experiments.memory_tasks --cells gru --grid learning_rate=0.01,0.001
  python -m experiments.memory_tasks --task digits_rows --dataset mnist --data-dir DATA
  python -m experiments.memory_tasks --resume RUN

To compare with, on adding: the best answer without memory has a mean squared error of
1/6 = 0.167. A simple tanh network stays there, LSTM and GRU come below 0.001.
What these commands reached, where and how long it took is in the README.

References:
  Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997;
  Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
  networks", ICML 2013; each task names its own.
"""

import dataclasses

import jax
import numpy as np

from experiments.harness import Run, fit, main
from experiments.memory.config import Config
from experiments.memory.contest import make_contestants
from experiments.memory.grid import make_settings
from experiments.memory.plots import draw_scores
from experiments.memory.success import describe_scores, median_score, success_table
from experiments.memory.tasks import load_task
from experiments.shared.devices import make_mesh, split_batch
from experiments.shared.members import RUNNING

ADDING = Config(num_steps=200, batch_size=32, num_updates=5000, eval_every=250)
COPY = Config(
    task="copy",
    num_steps=100,
    cells=("lstm",),
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
        COPY,
        cells=("gru",),
        layer="dilated",
        num_layers=7,
        hidden_size=20,
    ),
    "temporal_order": Config(
        task="temporal_order",
        num_steps=50,
        cells=("elman_smart",),
        methods=("plain", "clipped", "regularized"),
        optimizer="sgd",
        num_seeds=5,
        num_updates=100_000,
        eval_every=1000,
        checkpoint_every=10_000,
    ),
    "digits_rows": Config(
        task="digits_rows",
        dataset="mnist",
        cells=("lstm",),
        hidden_size=100,
        learning_rate=1e-3,
        batch_size=64,
        num_seeds=1,
        num_tests=10_000,
        num_updates=9000,
        eval_every=500,
    ),
}


def train(config: Config, run: Run) -> None:
    """Trains all members of all contestants, and says how many solved the task."""
    config = config.settled()
    run.record_choice("num_devices", config.num_devices)
    task = load_task(
        config.task,
        config.num_steps,
        config.dataset,
        config.data_dir,
        run.record_data,
    )
    mesh = make_mesh(config.num_devices or 1)
    settings = make_settings(config.points, config.num_seeds, config.seed)
    settings = split_batch(settings, mesh, axis=0)
    contestants = make_contestants(config, task, settings, mesh)

    def update(state, index):
        new_state = {}
        for name, members in state.items():
            members = contestants[name].update(members, settings, index)
            if (index + 1) % config.eval_every == 0:
                members = contestants[name].examine(members, settings, index)
            new_state[name] = jax.block_until_ready(members)  # see `members_update`
        metrics = [members.metrics for members in new_state.values()]
        return new_state, {
            name: np.mean([of_one[name] for of_one in metrics]) for name in metrics[0]
        }

    def describe(state):
        return {name: describe_scores(state[name]) for name in contestants}

    def evaluate(state, done):
        run.log(done, members=describe(state))
        run.write_plot("scores", draw_scores(run.metrics(), task))
        return state, {name: median_score(state[name]) for name in contestants}

    state = fit(
        run,
        {name: network.start() for name, network in contestants.items()},
        update,
        evaluate,
        units_per_update=len(contestants) * len(settings.init_key) * config.batch_size,
        unit="sequences",
        is_finished=lambda state: all(
            (members.status != RUNNING).all() for members in state.values()
        ),
    )
    table = success_table(
        describe(state), config.points, config.varied, task.score_name
    )
    run.print(f"\n{table}\n")


if __name__ == "__main__":
    main(train, Config, presets=PRESETS)
