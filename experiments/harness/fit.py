"""The training loop."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.harness import signals
from experiments.harness.checkpoints import Checkpoints
from experiments.harness.config import TrainingConfig
from experiments.harness.console import print_text
from experiments.harness.guard import Diverged, is_finite
from experiments.harness.initial import with_params_of
from experiments.harness.progress import Progress
from experiments.harness.results import read_results
from experiments.harness.run import Run
from experiments.harness.signals import Stopped


def fit(
    run: Run,
    state: Any,
    update: Callable[[Any, int], tuple[Any, dict[str, Any]]],
    evaluate: Callable[[Any, int], tuple[Any, dict[str, float]]],
    *,
    units_per_update: float,
    unit: str,
    is_finished: Callable[[Any], bool] = lambda state: False,
) -> Any:
    """Trains, from the newest good checkpoint if the run is resumed.

    A resumed run is bit-identical to an uninterrupted one if update i is a function of
    the state and i alone: draw its batch and its randomness from (seed, i).

    A checkpoint holds the state before its evaluation, and a resumed run repeats that
    evaluation, so every evaluation changes the state exactly once however often the
    run was stopped. The state after the last evaluation is saved beside the last
    checkpoint, for `restore`.

    With `--init-from RUN`, the branch `params` of the first state is that of RUN's last
    state.

    Args:
      run: the run directory.
      state: tree of arrays that updates change: parameters, optimizer state, carry.
      update: `update(state, i) -> (state, metrics)`, i counting from 0, compiled by
        the experiment; `metrics` are scalars, `loss` and `grad_norm` among them. Wrap
        it in `guarded`.
      evaluate: `evaluate(state, done) -> (state, metrics)` after `done` updates, where
        `done` is a multiple of `eval_every` or `num_updates`. It logs, samples and
        plots by itself; the metrics it returns are printed. It may change the state
        (keep the best parameters, lower the learning rate), as a function of `state`
        and `done` alone, and must not donate the state's buffers.
      units_per_update: units that one update reads, for the rate.
      unit: their name, in the plural: "characters", "words".
      is_finished: `is_finished(state)`, asked after every evaluation; true ends the
        training there. By default it ends after `num_updates`.

    Returns:
      The state after the last evaluation.

    Raises:
      TypeError: if the run's configuration is not a `TrainingConfig`.
      Diverged: if an update or a metric is not finite; nothing of it is saved.
      SaveFailed: if a checkpoint cannot be written.
      Stopped: on SIGINT, SIGTERM or SIGUSR1, after a checkpoint is saved.
      ValueError: if no checkpoint can be restored, it has more updates than
        `num_updates`, the run of `--init-from` does not fit, or `update` or `evaluate`
        changes the structure of the state.
    """
    if not isinstance(run.config, TrainingConfig):
        raise TypeError(f"config must be a TrainingConfig, got {type(run.config)}.")
    num_updates = run.config.num_updates
    state = jax.tree.map(_committed, state)
    done, state = run.checkpoints.restore(state, warn=run.print)
    if done > num_updates:
        raise ValueError(
            f"num_updates must be at least {done}, the update of the checkpoint, "
            f"got {num_updates}."
        )
    if not done and run.config.init_from is not None:
        state = with_params_of(run.config.init_from, state)
    with (
        signals.shielded(),
        Progress(num_updates, done, units_per_update, unit) as progress,
    ):
        run.rewind(done)
        loop = _Loop(run, update, evaluate, is_finished, progress, saved=done)
        finished = False
        if done:
            state, finished = loop.between_updates(done, state)
        for index in range(done, num_updates):
            if finished:
                break
            state = loop.one_update(index, state, compiles=index == done)
            state, finished = loop.between_updates(index + 1, state)
    return state


def restore(directory: Path, template: Any) -> tuple[int, Any]:
    """Reads the last state of a run: that after its last evaluation if it is finished.

    Args:
      directory: the run directory.
      template: a state as the experiment makes it at first.

    Returns:
      The number of updates done, and the state.

    Raises:
      ValueError: if the run has another format or no checkpoint, none of them can be
        restored, or it holds another structure than `template`.
    """
    read_results(directory)  # refuses a run of another format
    checkpoints = Checkpoints(directory / "checkpoints")
    done, state = checkpoints.restore(template, warn=print_text, evaluated=True)
    if not done:
        raise ValueError(f"{directory} must hold a checkpoint, got none.")
    return done, state


class _Loop:
    """What the steps of one `fit` share."""

    def __init__(self, run, update, evaluate, is_finished, progress, saved):
        self.run = run
        self.update = update
        self.evaluate = evaluate
        self.is_finished = is_finished
        self.progress = progress
        self.saved = saved

    def one_update(self, index: int, state: Any, compiles: bool) -> Any:
        """Computes one update, checks it and logs its metrics."""
        if compiles:
            print_text("compiling the first update ...")
        start = time.perf_counter()
        new_state, metrics = self.update(state, index)
        # One transfer, which waits for the update to be done.
        metrics = jax.tree.map(lambda x: np.asarray(x).item(), jax.device_get(metrics))
        seconds = time.perf_counter() - start
        if compiles:
            _check_same("update", state, new_state)
            print_text(f"compiled and done in {seconds:.1f} s")
        if not is_finite(metrics):
            raise Diverged(self._describe_divergence(index + 1, metrics))
        metrics.pop("finite", None)
        self.run.log(index + 1, **metrics)
        self.progress.advance(index + 1, metrics["loss"])
        return new_state

    def between_updates(self, done: int, state: Any) -> tuple[Any, bool]:
        """Saves and evaluates if due, and stops if a signal has arrived.

        The checkpoint is saved before the evaluation: whoever stops in the middle of
        an evaluation, or before the next update, repeats it on resuming.

        Returns:
          The state to go on with, and whether the training is finished.
        """
        config = self.run.config
        is_last = done == config.num_updates
        is_evaluated = is_last or done % config.eval_every == 0
        if is_last or done % config.checkpoint_every == 0:
            self._save(done, state)
        evaluated, finished = state, is_last
        try:
            if is_evaluated:
                with signals.interruptible():
                    evaluated, metrics = self.evaluate(state, done)
                _check_same("evaluate", state, evaluated)
                evaluated = jax.tree.map(_like, evaluated, state)
                self.progress.evaluated(done, metrics)
                finished = self.is_finished(evaluated) or is_last
            signals.raise_if_received()
        except Stopped:
            self._save(done, state)
            raise
        if finished:
            self._save(done, state)
            self._save_evaluated(done, state, evaluated)
        return evaluated, finished

    def _save(self, done: int, state: Any) -> None:
        if self.saved != done:
            self.run.save(done, state)
            self.saved = done

    def _save_evaluated(self, done: int, state: Any, evaluated: Any) -> None:
        """Saves the last state, unless the evaluation left it as it was."""
        pairs = zip(jax.tree.leaves(state), jax.tree.leaves(evaluated))
        if any(before is not after for before, after in pairs):
            self.run.save(done, evaluated, evaluated=True)

    def _describe_divergence(self, update: int, metrics: dict[str, float]) -> str:
        before = [line for line in self.run.metrics() if "grad_norm" in line][-5:]
        norms = ", ".join(
            f"{line['update']}: {line['grad_norm']:.4g}" for line in before
        )
        kept = self.run.checkpoints.updates()
        return (
            f"update {update} is not finite: loss {metrics['loss']}, gradient norm "
            f"{metrics['grad_norm']}. Gradient norms before it: {norms or 'none'}. "
            + (
                f"The last good checkpoint is {self.run.checkpoints.path(kept[-1])}."
                if kept
                else "No checkpoint was saved before it."
            )
        )


def _committed(leaf: Any) -> jax.Array:
    """Makes an array that is committed to its devices and has no weak type.

    That is what a checkpoint restores; anything else would be compiled for separately.
    """
    if not isinstance(leaf, jax.Array) or getattr(leaf, "weak_type", False):
        leaf = jnp.asarray(leaf, dtype=jnp.result_type(leaf))
    return leaf if leaf.committed else jax.device_put(leaf, leaf.sharding)


def _like(leaf: Any, old: jax.Array) -> jax.Array:
    """Puts what an evaluation has computed where it was before."""
    return leaf if leaf is old else jax.device_put(_committed(leaf), old.sharding)


def _check_same(name: str, before: Any, after: Any) -> None:
    """Checks that a function keeps the structure, shapes and dtypes of the state."""

    def describe(state):
        described = jax.tree.map(lambda x: (jnp.shape(x), jnp.result_type(x)), state)
        return jax.tree.structure(state), jax.tree.leaves(described)

    if describe(before) != describe(after):
        raise ValueError(f"{name} must keep the structure, shapes and dtypes of state.")
