"""The run directory and everything that is written into it."""

import dataclasses
import io
import math
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.harness import files
from experiments.harness.checkpoints import Checkpoints
from experiments.harness.config import RunConfig, to_json
from experiments.harness.console import print_text
from experiments.harness.guard import Diverged
from experiments.harness.lock import Lock
from experiments.harness.metrics import MetricsFile, read_metrics
from experiments.harness.results import Results, describe_environment

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Run:
    """One run of an experiment, and its directory.

        config.json     the configuration, written first
        metrics.jsonl   one line per update and per evaluation
        results.json    status, last metrics, versions, device, commit, data digests
        checkpoints/    the newest checkpoints
        samples/        from `write_sample`, one file per update
        plots/          from `write_plot`

    Experiments do not make runs: `main` hands them one. They call `print`, `log`,
    `metrics`, `write_sample`, `write_plot`, `record_data` and `record_choice`, and
    pass the run to `fit`.

    Attributes:
      directory: the run directory.
      config: the configuration; in a resumed run, flags that were not given have
        the values chosen then.
      resumes: whether the run continues one that is already in the directory.
      begun: whether `rewind` was called, so that the directory holds results.
      checkpoints: the checkpoints of the run.

    Args:
      directory: the run directory.
      config: the configuration.
      experiment: the experiment's module.
      arguments: the command line.
      resumes: whether to continue the run in the directory.
      reads_only: whether to leave the directory as it is, without taking its lock.

    Raises:
      Locked: if another process holds the directory.
      ValueError: if there is a run in the directory and it is not to be resumed, or
        one of another experiment.
    """

    def __init__(
        self,
        directory: Path,
        config: RunConfig,
        *,
        experiment: str,
        arguments: list[str],
        resumes: bool = False,
        reads_only: bool = False,
    ):
        self.directory = directory
        self.config = config
        self.resumes = resumes
        self.begun = False
        self.checkpoints = Checkpoints(directory / "checkpoints")
        path = directory / "results.json"
        self._results = Results(path, experiment, config.seed, arguments)
        self._is_new = not directory.exists()
        if resumes:
            self._results.take_over()
            choices = self._results.content["choices"].items()
            open_flags = {n: v for n, v in choices if getattr(config, n, v) is None}
            self.config = dataclasses.replace(config, **open_flags)
        if not reads_only:
            self._open(f"python -m {experiment} --resume {shlex.quote(str(directory))}")

    def rewind(self, done: int) -> None:
        """Takes the directory back to what it was after a number of updates.

        Called by `fit`, and by experiments that do not train before their first result.
        From then on the run has begun: its directory is kept, whatever happens.

        Args:
          done: updates done; what was logged and sampled after them is removed.
        """
        self.begun = True
        self._results.content.update(describe_environment())
        self._write_config()
        if self.resumes:
            self.print(f"resuming {self.directory} after update {done}")
        self.checkpoints.set_aside(after=done)
        self._metrics.rewind(done)
        for sample in (self.directory / "samples").glob("*.*"):
            if sample.stem.isdigit() and int(sample.stem) >= done:
                sample.unlink()

    def save(self, update: int, state: Any, *, evaluated: bool = False) -> None:
        """Saves a checkpoint, the metrics up to it, and the results so far.

        Args:
          update: updates done.
          state: the state after them.
          evaluated: whether the state is that after its evaluation.
        """
        self._metrics.sync()
        config = to_json(self.config)
        self.checkpoints.save(update, state, config, evaluated=evaluated)
        self._results.write()

    def log(self, update: int, **metrics: Any) -> None:
        """Appends a line to `metrics.jsonl`.

        Args:
          update: updates done.
          **metrics: finite scalars, or anything else that JSON can hold.

        Raises:
          Diverged: if a metric is not finite.
        """
        line = {
            name: value.item() if hasattr(value, "item") else value
            for name, value in metrics.items()
        }
        for name, value in line.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise Diverged(f"{name} is {value} after update {update}.")
        self._results.content["metrics"].update(line)
        # Apart from the rest, which is the same in every run.
        wall = {"seconds": self._results.seconds}
        self._metrics.append({"update": update, **line, "wall": wall})

    def metrics(self) -> list[dict[str, Any]]:
        """Returns the lines of `metrics.jsonl`, in the order they were logged."""
        return read_metrics(self.directory / "metrics.jsonl")

    def print(self, text: str) -> None:
        """Prints a text, above the progress bar if there is one."""
        print_text(text)

    def write_sample(
        self, update: int, content: str | bytes, suffix: str = ".txt"
    ) -> None:
        """Writes `samples/<update><suffix>`."""
        directory = self.directory / "samples"
        directory.mkdir(exist_ok=True)
        content = content.encode() if isinstance(content, str) else content
        files.write_whole(directory / f"{update:08d}{suffix}", content)

    def write_plot(self, name: str, figure: "Figure") -> None:
        """Writes `plots/<name>.png`."""
        directory = self.directory / "plots"
        directory.mkdir(exist_ok=True)
        image = io.BytesIO()
        figure.savefig(image, format="png")
        files.write_whole(directory / f"{name}.png", image.getvalue())

    def record_data(self, name: str, sha256: str) -> None:
        """Records in `results.json` which data the run uses.

        Args:
          name: name of the data: a data set, a file, a vocabulary.
          sha256: its digest.

        Raises:
          ValueError: if the run is resumed and had another digest under this name.
        """
        self._results.record_data(name, sha256)
        if not self.resumes:
            self._results.write()

    def record_choice(self, name: str, value: Any) -> None:
        """Records in `results.json` the value chosen for a flag that was not given.

        A resumed run has it in `config`, as if the flag had been given.

        Args:
          name: the flag's field in the configuration.
          value: the value, as JSON has it.

        Raises:
          ValueError: if the run is resumed and had another value.
        """
        self._results.record_choice(name, value)

    def record(self, **facts: Any) -> None:
        """Records facts about this process, as JSON has them, in `results.json`."""
        self._results.content.update(facts)

    def close(self, status: str, **details: Any) -> None:
        """Writes the results and gives the directory back; for `main`.

        Args:
          status: done, interrupted, diverged or failed.
          **details: more entries of `results.json`.
        """
        try:
            if "versions" not in self._results.content:
                self._results.content.update(describe_environment())
            self._results.write(status=status, **details)
        finally:
            self._release()

    def abandon(self) -> None:
        """Leaves the directory as it was found, for a run that has not begun.

        For `main`. A new run leaves nothing of its own; a resumed one leaves everything
        that was there.
        """
        self._release()
        if self._is_new:
            shutil.rmtree(self.directory)
        elif not self.resumes:
            for name in ("metrics.jsonl", "results.json", "config.json", "lock"):
                (self.directory / name).unlink(missing_ok=True)

    def _open(self, resume_command: str) -> None:
        """Locks the directory and writes what is known before training."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(self.directory)
        if not self.resumes and (self.directory / "config.json").exists():
            self._lock.release()
            raise ValueError(
                f"run_dir must be a directory without a run, got {self.directory}; "
                f"to continue its run: {resume_command}"
            )
        try:
            if not self.resumes:
                self._write_config()
            self._metrics = MetricsFile(self.directory / "metrics.jsonl")
            self.checkpoints.sweep()
        except BaseException:
            self._lock.release()
            if self._is_new:
                shutil.rmtree(self.directory, ignore_errors=True)
            raise

    def _write_config(self) -> None:
        files.write_json(self.directory / "config.json", to_json(self.config))
        self._results.write()

    def _release(self) -> None:
        self._metrics.close()
        self._lock.release()
