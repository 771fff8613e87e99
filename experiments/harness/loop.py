"""The training loop: everything that happens between two updates."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.harness.config import TrainingConfig
from experiments.harness.guard import Diverged, is_finite
from experiments.harness.progress import Progress
from experiments.harness.signals import Stopped

if TYPE_CHECKING:
    from experiments.harness.run import Run


def fit(
    run: "Run",
    state: Any,
    update: Callable[[Any, int], tuple[Any, dict[str, Any]]],
    evaluate: Callable[[Any, int], dict[str, float]],
    units_per_update: float,
    unit: str,
    is_finished: Callable[[Any], bool],
) -> Any:
    """Does what `Run.fit` says.

    Raises:
      TypeError: if the run's configuration is not that of a training.
      ValueError: if the checkpoint has more updates than `num_updates`.
    """
    if not isinstance(run.config, TrainingConfig):
        raise TypeError(f"config must be a TrainingConfig, got {type(run.config)}.")
    num_updates = run.config.num_updates
    done, state = run.restore(jax.tree.map(_strong, state))
    if done > num_updates:
        raise ValueError(
            f"num_updates must be at least {done}, the update of the checkpoint, "
            f"got {num_updates}."
        )
    with (
        run.signals.shielded(),
        Progress(num_updates, done, units_per_update, unit) as progress,
    ):
        run.begin_training(done)
        loop = _Loop(run, update, evaluate, is_finished, progress, saved=done)
        # the checkpoint was saved before its evaluation
        finished = loop.between_updates(done, state) if done else False
        for index in range(done, num_updates):
            if finished:
                break
            state = loop.one_update(index, state, compiles=index == done)
            finished = loop.between_updates(index + 1, state)
    return state


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
            print("compiling the first update ...", flush=True)
        start = time.perf_counter()
        new_state, metrics = self.update(state, index)
        # One transfer, which waits for the update to be done.
        metrics = jax.tree.map(lambda x: np.asarray(x).item(), jax.device_get(metrics))
        seconds = time.perf_counter() - start
        if compiles:
            _check_same(state, new_state)
            print(f"compiled and done in {seconds:.1f} s", flush=True)
        if not is_finite(metrics):
            raise Diverged(self._describe_divergence(index + 1, metrics))
        metrics.pop("finite", None)
        self.run.log(index + 1, **metrics)
        self.progress.advance(index + 1, metrics["loss"], seconds)
        return new_state

    def between_updates(self, done: int, state: Any) -> bool:
        """Saves and evaluates where it is due, and stops where it was asked for.

        The checkpoint comes first: an evaluation changes nothing, so whoever stops in
        the middle of one does it again on resuming.

        Returns:
          Whether the training is finished; asked where an evaluation is due.
        """
        config = self.run.config
        is_last = done == config.num_updates
        is_examined = is_last or done % config.eval_every == 0
        finished = is_examined and self.is_finished(state)
        if is_last or finished or done % config.checkpoint_every == 0:
            self._save(done, state)
        try:
            if is_examined:
                with self.run.signals.interruptible():
                    metrics = self.evaluate(state, done)
                self.progress.evaluated(done, metrics)
            self.run.signals.raise_if_received()
        except Stopped:
            self._save(done, state)
            raise
        return finished

    def _save(self, done: int, state: Any) -> None:
        if self.saved != done:
            self.run.save(done, state)
            self.saved = done

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


def _strong(leaf: Any) -> Any:
    """Strips a weak type, which no checkpoint keeps and for which `jit` recompiles."""
    if isinstance(leaf, jax.Array) and not getattr(leaf, "weak_type", False):
        return leaf
    return jnp.asarray(leaf, dtype=jnp.result_type(leaf))


def _check_same(before: Any, after: Any) -> None:
    """Checks that an update keeps the structure, shapes and dtypes of the state."""

    def describe(state):
        described = jax.tree.map(lambda x: (jnp.shape(x), jnp.result_type(x)), state)
        return jax.tree.structure(state), jax.tree.leaves(described)

    if describe(before) != describe(after):
        raise ValueError("update must keep the structure, shapes and dtypes of state.")
