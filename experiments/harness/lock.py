"""One process per run directory."""

import datetime
import os
import socket
from pathlib import Path

import filelock

from experiments.harness import files


class Locked(ValueError):
    """The run directory belongs to a process that is still alive."""


class Lock:
    """A run directory held by this process until `release`.

    The operating system gives the lock back when the process ends, however it ends, so
    a run that was killed never leaves its directory locked.

    Args:
      directory: an existing directory.

    Raises:
      Locked: if another process holds the directory; the message says which.
    """

    def __init__(self, directory: Path):
        self._lock = filelock.FileLock(directory / "lock")
        # A file of its own: some systems do not let others read a locked file.
        self._holder = directory / "lock.holder"
        try:
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            raise Locked(
                f"{directory} is in use by {self._read_holder()}; stop it or choose "
                "another --run-dir."
            ) from None
        since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        holder = f"process {os.getpid()} on {socket.gethostname()} since {since}"
        files.write_whole(self._holder, holder.encode())

    def release(self) -> None:
        """Gives the directory back; does nothing if that was done before."""
        if self._lock.is_locked:
            self._holder.unlink(missing_ok=True)
            self._lock.release()

    def _read_holder(self) -> str:
        try:
            return self._holder.read_text(encoding="utf-8")
        except FileNotFoundError:
            return "a process that has just started"
