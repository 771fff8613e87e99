"""`metrics.jsonl`: one line of JSON for every update and every evaluation."""

import json
import os
from pathlib import Path
from typing import Any

from experiments.harness import files


class MetricsFile:
    """The metrics of a run, each line in the file as soon as it is known.

    Lines are in rising order of their update; those of an evaluation stand behind the
    line of the update they follow. A line that a crash has torn is cut off.

    Args:
      path: the file; made if it is not there.
    """

    def __init__(self, path: Path):
        self._path = path
        self._file = path.open("ab", buffering=0)
        whole, newline, _ = path.read_bytes().rpartition(b"\n")
        os.truncate(path, len(whole + newline))

    def append(self, line: dict[str, Any]) -> None:
        """Writes a line."""
        text = json.dumps(line, allow_nan=False)
        files.write_all(self._file, f"{text}\n".encode())

    def rewind(self, update: int) -> None:
        """Cuts off what came after an update, its own evaluation included.

        Args:
          update: updates done; its line, the first of that update, is the last kept.
        """
        kept = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            logged = json.loads(line)["update"]
            if logged > update:
                break
            kept += len(line)
            if logged == update > 0:
                break
        os.truncate(self._path, kept)
        self.sync()

    def sync(self) -> None:
        """Waits until the lines are on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Returns the lines of a `metrics.jsonl`, in the order they were logged."""
    lines = path.read_bytes().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith(b"\n")]
