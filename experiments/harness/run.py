"""The run directory, and everything that is written into it."""

import io
import json
import math
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.harness import files, lock, loop
from experiments.harness.checkpoints import Checkpoints
from experiments.harness.config import RunConfig, to_json
from experiments.harness.environment import describe_environment
from experiments.harness.guard import Diverged
from experiments.harness.metrics import MetricsFile

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Run:
    """One run of an experiment, and its directory.

        config.json     the configuration, written first
        metrics.jsonl   a line for every update and every evaluation
        results.json    status, last metrics, versions, device, commit, data digests
        checkpoints/    the newest checkpoints
        samples/        what `write_sample` was given, a file an update
        plots/          what `write_plot` was given

    Experiments do not make runs: `main` hands them one.

    Attributes:
      directory: the run directory.
      config: the configuration.
      resumes: whether the run goes on from a directory that is already there.
      checkpoints: the checkpoints of the run.
      training: whether `fit` has begun.
    """

    def __init__(
        self,
        directory: Path,
        config: RunConfig,
        *,
        experiment: str,
        arguments: list[str],
        resumes: bool,
        reads_only: bool = False,
    ):
        """Opens a run directory; see `open_run` in `command.py`."""
        self.directory = directory
        self.config = config
        self.resumes = resumes
        self.training = False
        self.checkpoints = Checkpoints(directory / "checkpoints")
        self._reads_only = reads_only
        self._began = time.monotonic()
        self._last: dict[str, Any] = {}
        self._results: dict[str, Any] = {
            "experiment": experiment,
            "status": "running",
            "metrics": self._last,
            "seed": config.seed,
            "data": {},
            "wall_seconds": 0.0,
            "arguments": arguments,
        }
        if resumes:
            self._take_over()
        self._seconds_before = self._results["wall_seconds"]
        if not reads_only:
            self._open()

    def fit(
        self,
        state: Any,
        update: Callable[[Any, int], tuple[Any, dict[str, Any]]],
        evaluate: Callable[[Any, int], dict[str, float]],
        *,
        units_per_update: float,
        unit: str,
    ) -> Any:
        """Trains, from the newest good checkpoint if the run is resumed.

        A resumed run is bit-identical to one never stopped if update i is a function
        of the state and i alone: draw its batch and its randomness from (seed, i).

        Args:
          state: tree of arrays that an update changes: parameters, optimizer, carry.
          update: `update(state, i) -> (state, metrics)`, i counting from 0, compiled
            by the experiment; `metrics` are scalars, `loss` and `grad_norm` among
            them. Wrap it in `guarded`.
          evaluate: `evaluate(state, n) -> metrics` after n updates, n a multiple of
            `eval_every` or `num_updates`. It logs, samples and plots by itself; what
            it returns is shown. It must not change anything, as it is repeated when
            the run was stopped in the middle of it.
          units_per_update: units that one update reads, for the rate.
          unit: their name, in the plural: "characters", "words".

        Returns:
          The state after `num_updates` updates.

        Raises:
          Diverged: if an update or a metric is not finite; nothing of it is saved.
          SaveFailed: if a checkpoint cannot be written.
          Stopped: on SIGINT, SIGTERM or SIGUSR1, after a checkpoint is saved.
          ValueError: if no checkpoint can be restored, or if `update` changes the
            structure of the state.
        """
        return loop.fit(self, state, update, evaluate, units_per_update, unit)

    def restore(self, template: Any) -> tuple[int, Any]:
        """Reads the newest good checkpoint, with a warning for each that is not.

        Args:
          template: a state as the experiment makes it at first.

        Returns:
          The number of updates done and the state; `(0, template)` if there is none.
        """
        return self.checkpoints.restore(template, warn=self.say)

    def begin_training(self, done: int) -> None:
        """Takes the run directory back to what it was after an update.

        Args:
          done: updates done; what was logged and sampled later will come again.
        """
        self.training = True
        if self.resumes:
            self.say(f"resuming {self.directory} after update {done}")
        self.checkpoints.set_aside(after=done)
        self._metrics.rewind(done)
        for sample in (self.directory / "samples").glob("*.txt"):
            if sample.stem.isdigit() and int(sample.stem) >= done:
                sample.unlink()

    def save(self, update: int, state: Any) -> None:
        """Saves a checkpoint, the metrics up to it, and the results so far."""
        self._metrics.sync()
        self.checkpoints.save(update, state, to_json(self.config))
        self._write_results()

    def log(self, update: int, **metrics: Any) -> None:
        """Appends a line to `metrics.jsonl`.

        Args:
          update: updates done.
          **metrics: finite scalars, or whatever else JSON can hold.

        Raises:
          Diverged: if a metric is not finite.
        """
        line = {name: _jsonable(value) for name, value in metrics.items()}
        for name, value in line.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise Diverged(f"{name} is {value} after update {update}.")
        self._last.update(line)
        seconds = round(time.monotonic() - self._began, 3)
        # What depends on the clock stays apart: the rest is the same in every run.
        self._metrics.append({"update": update, **line, "wall": {"seconds": seconds}})

    def metrics(self) -> list[dict[str, Any]]:
        """Returns the lines of `metrics.jsonl`, in the order they were logged."""
        return self._metrics.read()

    def say(self, text: str) -> None:
        """Prints a text, above the progress bar if there is one."""
        print(text, flush=True)

    def write_sample(self, update: int, text: str) -> None:
        """Writes `samples/<update>.txt`."""
        directory = self.directory / "samples"
        directory.mkdir(exist_ok=True)
        files.write_whole(directory / f"{update:08d}.txt", text.encode())

    def write_plot(self, name: str, figure: "Figure") -> None:
        """Writes `plots/<name>.png`."""
        directory = self.directory / "plots"
        directory.mkdir(exist_ok=True)
        image = io.BytesIO()
        figure.savefig(image, format="png")
        files.write_whole(directory / f"{name}.png", image.getvalue())

    def record_data(self, name: str, sha256: str) -> None:
        """Notes which data the run is about, in `results.json`.

        Args:
          name: what it is: a data set, a file, a vocabulary.
          sha256: its digest.

        Raises:
          ValueError: if the run is resumed and had another digest under this name.
        """
        recorded = self._results["data"].setdefault(name, sha256)
        if recorded != sha256:
            raise ValueError(
                f"{name} must be what {self.directory} was trained with, SHA-256 "
                f"{recorded}, got {sha256}."
            )
        if not self._reads_only:
            self._write_results()

    def close(self, status: str, **details: Any) -> None:
        """Writes the results and gives the directory back.

        Args:
          status: done, interrupted, diverged or failed.
          **details: what else to say in `results.json`.
        """
        if self._reads_only:
            return
        self._results.update(status=status, **details)
        try:
            self._write_results()
        finally:
            self._metrics.close()
            self._lock.close()

    def discard(self) -> None:
        """Removes the directory of a run that failed before it had begun."""
        self._metrics.close()
        for name in ("metrics.jsonl", "results.json", "config.json", "lock"):
            (self.directory / name).unlink(missing_ok=True)
        self._lock.close()
        if not any(self.directory.iterdir()):
            self.directory.rmdir()

    def _take_over(self) -> None:
        """Reads the results so far, which a crash may have left anywhere."""
        try:
            earlier = json.loads((self.directory / "results.json").read_text())
        except FileNotFoundError:
            return
        if earlier["experiment"] != self._results["experiment"]:
            raise ValueError(
                f"{self.directory} must be a run of {self._results['experiment']}, "
                f"got one of {earlier['experiment']}."
            )
        self._results["data"] = earlier["data"]
        self._results["wall_seconds"] = earlier["wall_seconds"]

    def _open(self) -> None:
        """Takes the directory, and writes what is known before training."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = lock.acquire(self.directory)
        if not self.resumes and (self.directory / "config.json").exists():
            self._lock.close()
            command = f"python -m {self._results['experiment']} --resume"
            raise ValueError(
                f"run_dir must be a directory without a run, got {self.directory}; "
                f"go on with its run by: {command} {shlex.quote(str(self.directory))}"
            )
        files.write_json(self.directory / "config.json", to_json(self.config))
        self._metrics = MetricsFile(self.directory / "metrics.jsonl")
        self.checkpoints.sweep()
        self._results.update(describe_environment())
        self._write_results()

    def _write_results(self) -> None:
        seconds = self._seconds_before + time.monotonic() - self._began
        self._results["wall_seconds"] = round(seconds, 3)
        files.write_json(self.directory / "results.json", self._results)


def _jsonable(value: Any) -> Any:
    """Turns an array's scalar into Python's."""
    return value.item() if hasattr(value, "item") else value
