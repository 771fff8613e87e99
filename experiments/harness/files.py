"""Files that are either whole or not there: written aside, synced, renamed."""

import json
import os
from pathlib import Path
from typing import Any


def sync(path: Path) -> None:
    """Waits until a file's bytes, or a directory's names, are on the disk.

    Args:
      path: an existing file or directory.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Replaces a file in one step, so that no reader and no crash sees half of it.

    Args:
      path: the file, in an existing directory.
      data: what it shall hold.
    """
    # The name is fixed: one process owns a run directory, and a file left by a crash
    # is overwritten by the next write instead of staying for ever.
    aside = path.with_name(f".{path.name}.writing")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync(path.parent)


def write_json(path: Path, content: Any) -> None:
    """Writes JSON by `write_whole`, indented for people.

    Args:
      path: the file, in an existing directory.
      content: what `json` takes; numbers must be finite.
    """
    text = json.dumps(content, indent=2, allow_nan=False)
    write_whole(path, f"{text}\n".encode())
