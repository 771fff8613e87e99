"""`results.json`: how a run ended, and what its numbers depend on."""

import importlib.metadata
import json
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from experiments.harness import files

FORMAT = 3  # of a run directory
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")


class Results:
    """The results of a run, kept up to date while it runs.

    Attributes:
      content: what the file holds: `format` (of the run directory), `experiment`,
        `status` (running, done, interrupted, diverged or failed), `metrics` (the last
        of each), `seed`, `data` (digests), `choices` (values chosen for flags that
        were not given), `wall_seconds` (of all processes of the run), `arguments`, and
        what `describe_environment` returns.

    Args:
      path: the file.
      experiment: the experiment's module.
      seed: the run's seed.
      arguments: the command line.
    """

    def __init__(self, path: Path, experiment: str, seed: int, arguments: list[str]):
        self.path = path
        self.content: dict[str, Any] = {
            "format": FORMAT,
            "experiment": experiment,
            "status": "running",
            "metrics": {},
            "seed": seed,
            "data": {},
            "choices": {},
            "wall_seconds": 0.0,
            "arguments": arguments,
        }
        self._began = time.monotonic()
        self._seconds_before = 0.0

    @property
    def seconds(self) -> float:
        """The seconds since this process started or resumed the run."""
        return round(time.monotonic() - self._began, 3)

    def take_over(self) -> None:
        """Reads what the earlier processes of the run have written.

        Raises:
          ValueError: if the run is one of another experiment, or has another format.
        """
        earlier = read_results(self.path.parent)
        if earlier is None:
            return
        mine = self.content["experiment"]
        if earlier["experiment"] != mine:
            raise ValueError(
                f"{self.path.parent} must be a run of {mine}, got one of "
                f"{earlier['experiment']}."
            )
        for name in ("metrics", "data", "choices"):
            self.content[name] = earlier[name]
        self._seconds_before = earlier["wall_seconds"]

    def record_data(self, name: str, sha256: str) -> None:
        """Records a digest.

        Args:
          name: name of the data.
          sha256: the digest.

        Raises:
          ValueError: if another digest is recorded under this name.
        """
        recorded = self.content["data"].setdefault(name, sha256)
        if recorded != sha256:
            raise ValueError(
                f"{name} must be what {self.path.parent} was trained with, SHA-256 "
                f"{recorded}, got {sha256}."
            )

    def record_choice(self, name: str, value: Any) -> None:
        """Records the value chosen for a flag that was not given.

        Args:
          name: the flag's field.
          value: the value, as JSON has it.

        Raises:
          ValueError: if another value is recorded under this name.
        """
        recorded = self.content["choices"].setdefault(name, value)
        if recorded != value:
            raise ValueError(
                f"{name} must be {recorded}, as before in {self.path.parent}, got "
                f"{value}."
            )

    def write(self, **changes: Any) -> None:
        """Writes the file.

        Args:
          **changes: entries to change or add first.
        """
        seconds = round(self._seconds_before + self.seconds, 3)
        self.content.update(changes, wall_seconds=seconds)
        files.write_json(self.path, self.content)


def read_results(directory: Path) -> dict[str, Any] | None:
    """Reads the `results.json` of a run directory.

    Args:
      directory: the run directory.

    Returns:
      Its content; None if there is none, as in a run killed before it was written.

    Raises:
      ValueError: if the directory has another format than that of today.
    """
    path = directory / "results.json"
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    found = content.get("format", 1)
    if found != FORMAT:
        raise ValueError(
            f"{directory} is a run of format {found}, which this version cannot read "
            f"(it reads format {FORMAT}); start a new run."
        )
    return content


def describe_environment() -> dict[str, Any]:
    """Returns `versions`, `device` and `commit` (None outside a checkout)."""
    import jax  # here, as reading configurations does not need it

    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    device = jax.devices()[0]
    return {
        "versions": {"python": platform.python_version(), **versions},
        "device": {
            "platform": device.platform,
            "kind": device.device_kind,
            "count": jax.device_count(),
        },
        "commit": _commit(Path(__file__).parent),
    }


def _commit(directory: Path) -> dict[str, Any] | None:
    """Returns the commit of the checkout that holds a directory, or None."""

    def git(*arguments):
        command = ["git", "-C", str(directory), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no")
        return {"id": git("rev-parse", "HEAD"), "dirty": bool(changes)}
    except (OSError, subprocess.CalledProcessError):
        return None
