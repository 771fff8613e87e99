"""`results.json`: how a run ended, and what its numbers depend on."""

import importlib.metadata
import json
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from experiments.harness import files

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")


class Results:
    """The results of a run, kept up to date while it goes on.

    Attributes:
      content: what the file holds: `experiment`, `status` (running, done, interrupted,
        diverged or failed), `metrics` (the last of each), `seed`, `data` (digests),
        `wall_seconds` (of all processes the run had), `arguments`, and what
        `describe_environment` says.

    Args:
      path: the file.
      experiment: the experiment's module.
      seed: the run's seed.
      arguments: the command line.
    """

    def __init__(self, path: Path, experiment: str, seed: int, arguments: list[str]):
        self.path = path
        self.content: dict[str, Any] = {
            "experiment": experiment,
            "status": "running",
            "metrics": {},
            "seed": seed,
            "data": {},
            "wall_seconds": 0.0,
            "arguments": arguments,
        }
        self._began = time.monotonic()
        self._seconds_before = 0.0

    @property
    def seconds(self) -> float:
        """The seconds since this process began the run or took it over."""
        return round(time.monotonic() - self._began, 3)

    def take_over(self) -> None:
        """Reads what the processes before this one have found.

        Raises:
          ValueError: if they ran another experiment.
        """
        try:
            earlier = json.loads(self.path.read_bytes())
        except FileNotFoundError:  # killed before the first line was written
            return
        mine = self.content["experiment"]
        if earlier["experiment"] != mine:
            raise ValueError(
                f"{self.path.parent} must be a run of {mine}, got one of "
                f"{earlier['experiment']}."
            )
        for name in ("metrics", "data"):
            self.content[name] = earlier[name]
        self._seconds_before = earlier["wall_seconds"]

    def record_data(self, name: str, sha256: str) -> None:
        """Notes a digest.

        Args:
          name: what it is the digest of.
          sha256: the digest.

        Raises:
          ValueError: if another digest was noted under this name.
        """
        recorded = self.content["data"].setdefault(name, sha256)
        if recorded != sha256:
            raise ValueError(
                f"{name} must be what {self.path.parent} was trained with, SHA-256 "
                f"{recorded}, got {sha256}."
            )

    def write(self, **changes: Any) -> None:
        """Writes the file.

        Args:
          **changes: what to change or add first, by its key.
        """
        seconds = round(self._seconds_before + self.seconds, 3)
        self.content.update(changes, wall_seconds=seconds)
        files.write_json(self.path, self.content)


def describe_environment() -> dict[str, Any]:
    """Returns `versions`, `device` and `commit`, as far as they can be known."""
    import jax  # so that what merely reads configurations need not wait for it

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
    """Names the commit of the checkout that a directory is in; None if in none."""

    def git(*arguments):
        command = ["git", "-C", str(directory), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no")
        return {"id": git("rev-parse", "HEAD"), "dirty": bool(changes)}
    except (OSError, subprocess.CalledProcessError):
        return None
