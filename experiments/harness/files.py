"""Files that are either complete or absent: written aside, synced, renamed."""

import io
import json
import os
from pathlib import Path
from typing import Any


def sync(path: Path) -> None:
    """Waits until a file's bytes, or a directory's names, are on the disk.

    Args:
      path: an existing file or directory.
    """
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot sync a directory
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(file: io.FileIO, data: bytes) -> None:
    """Writes all bytes to an unbuffered file, which may accept fewer at a time.

    Args:
      file: a file opened with `buffering=0`.
      data: the bytes.

    Raises:
      OSError: if they cannot be written, such as on a full disk; it names the file.
    """
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:  # which does not name the file by itself
        raise OSError(error.errno, error.strerror, str(file.name)) from error


def reserve(path: Path, num_bytes: int) -> None:
    """Checks that the disk has room for a file of a size.

    Args:
      path: a file that does not exist; it is removed again.
      num_bytes: the room that is needed.

    Raises:
      OSError: if there is less.
    """
    with path.open("wb", buffering=0) as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, num_bytes)
            else:  # macOS
                write_all(file, bytes(num_bytes))
        finally:
            path.unlink()


def write_whole(path: Path, data: bytes) -> None:
    """Replaces a file in one step, so that it is never seen half written.

    Args:
      path: the file, in an existing directory.
      data: its new content.
    """
    # The name is fixed: one process owns a run directory, and the next write replaces
    # a file left by a crash.
    aside = path.with_name(f".{path.name}.writing")
    with aside.open("wb", buffering=0) as file:
        write_all(file, data)
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
