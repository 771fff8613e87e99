"""`metrics.jsonl`: one line of JSON per update and per evaluation."""

import json
import os
from pathlib import Path
from typing import Any

from experiments.harness import files


class MetricsFile:
    """The metrics of a run; each line is written at once.

    Lines are in the order of their updates; an evaluation's lines follow the line of
    the update before it. A line left incomplete by a crash is cut off.

    Args:
      path: the file; created if it does not exist.
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
        """Cuts off the lines after an update, including those of its evaluation.

        Args:
          update: updates done; the first line of that update is the last one kept.
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
