"""Figure 3: the learning curve with and without clipping."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.gradient_flow.recall import INPUT_SIZE, sample_batch
from experiments.shared.figures import BLUE, ORANGE, hide_frame, new_figure
from rnnjax import Cell, Layer, elman
from rnnjax.base import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN_SIZE = 32
NUM_STEPS = 20
BATCH_SIZE = 16
LEARNING_RATE = 0.3
MAX_NORM = 0.3
LEARNED = 0.1  # nats; chance is log 4 = 1.39


class Curves(NamedTuple):
    """Learning curves of several trainings.

    Attributes:
      losses: `[num_seeds, num_updates]`, of the last step, in nats.
      norms: `[num_seeds, num_updates]`, of the gradient before clipping.
    """

    losses: np.ndarray
    norms: np.ndarray


def train(
    make_model: Callable[[Cell], Layer],
    loss: Callable[..., Array],
    max_norm: float,
    num_updates: int,
    seeds: np.ndarray,
) -> Curves:
    """Trains tanh networks by plain gradient descent, side by side in one program.

    Args:
      make_model: makes a network of a cell.
      loss: `loss(model, params, inputs, symbols)`.
      max_norm: norm to which the gradient is clipped; inf: no clipping.
      num_updates: number of updates.
      seeds: `[num_seeds]`, of the parameters and the batches of each network.
    """
    model = make_model(elman(HIDDEN_SIZE))
    optimizer = optax.chain(
        optax.clip_by_global_norm(max_norm), optax.sgd(LEARNING_RATE)
    )

    def train_one(seed):
        init_key, data_key = jax.random.split(jax.random.key(seed))
        params = model.init(init_key, INPUT_SIZE)

        def body(state, index):
            params, opt_state = state
            key = jax.random.fold_in(data_key, index)
            batch = sample_batch(key, NUM_STEPS, BATCH_SIZE)
            value, grads = jax.value_and_grad(
                lambda params: loss(model, params, *batch)
            )(params)
            updates, opt_state = optimizer.update(grads, opt_state, params)
            params = optax.apply_updates(params, updates)
            return (params, opt_state), (value, optax.tree.norm(grads))

        state = params, optimizer.init(params)
        return jax.lax.scan(body, state, jnp.arange(num_updates))[1]

    run = jax.jit(jax.vmap(train_one))
    return Curves(*map(np.asarray, run(jnp.asarray(seeds))))


def num_learned(curves: Curves) -> int:
    """Counts the seeds with a loss below `LEARNED` over the last tenth of training."""
    last = curves.losses[:, -max(1, curves.losses.shape[1] // 10) :]
    return int((last.mean(1) < LEARNED).sum())


def plot(plain: Curves, clipped: Curves) -> "Figure":
    """Plots the losses and the norms of the gradients, a thin line per seed."""
    figure = new_figure(9.6, 3.9)
    left, right = panels = figure.subplots(1, 2)
    for curves, color, label in (
        (plain, ORANGE, "plain"),
        (clipped, BLUE, f"norm clipped at {MAX_NORM:g}"),
    ):
        for panel, values in zip(panels, curves):
            smooth = _smoothed(values)
            panel.semilogy(smooth.T, color=color, linewidth=0.7, alpha=0.5)
            name = label if panel is left else None
            panel.semilogy(np.median(smooth, 0), color=color, linewidth=2.2, label=name)
    left.axhline(np.log(4), color="0.4", ls="--", lw=0.9, label="chance, log 4")
    left.set_ylabel("loss, nats")
    right.axhline(MAX_NORM, color="0.4", ls=":", lw=1.2, label="clipping threshold")
    right.legend(frameon=False, loc="lower left")
    right.set_ylabel("norm of the gradient, before clipping")
    for panel in panels:
        panel.set_xlabel("updates")
        panel.set_xlim(0, plain.losses.shape[1])
    left.legend(frameon=False, loc="lower left")
    left.set_title(f"tanh network, {NUM_STEPS} steps, {len(plain.losses)} seeds")
    right.set_title("geometric means over 20 updates; bold: median")
    hide_frame(*panels)
    return figure


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Takes geometric means over windows of 20, `[num_seeds, num_updates - 19]`."""
    sums = np.cumsum(np.log(np.maximum(values, 1e-30)), axis=1)
    sums = np.pad(sums, ((0, 0), (1, 0)))
    window = min(20, values.shape[1])
    return np.exp((sums[:, window:] - sums[:, :-window]) / window)
