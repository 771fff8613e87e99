"""`metrics.jsonl`: one line of JSON for every update and every evaluation."""

import json
import os
from pathlib import Path
from typing import Any


class MetricsFile:
    """The metrics of a run, each line in the file as soon as it is known.

    Lines are in rising order of their update; those of an evaluation stand behind the
    line of the update they follow.

    Args:
      path: the file; made if it is not there.
    """

    def __init__(self, path: Path):
        self._path = path
        self._file = path.open("ab", buffering=0)
        whole = path.read_bytes().rpartition(b"\n")
        os.truncate(path, len(whole[0] + whole[1]))  # a crash may tear the last line

    def append(self, line: dict[str, Any]) -> None:
        """Writes a line, in one piece."""
        self._file.write(f"{json.dumps(line, allow_nan=False)}\n".encode())

    def read(self) -> list[dict[str, Any]]:
        """Returns all lines."""
        return [json.loads(line) for line in self._path.read_bytes().splitlines()]

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
