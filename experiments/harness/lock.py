"""One process a run directory."""

import datetime
import fcntl
import os
import socket
from pathlib import Path
from typing import IO


class Locked(ValueError):
    """The run directory belongs to a process that is still alive."""


def acquire(directory: Path) -> IO[str]:
    """Takes a run directory for this process until the file returned is closed.

    The operating system gives the lock back when the process ends, however it ends,
    so a run that was killed never leaves its directory closed.

    Args:
      directory: an existing directory.

    Returns:
      The open lock file, which says who holds the directory and since when.

    Raises:
      Locked: if another process holds the directory; the message says which.
    """
    file = (directory / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "a process that has not said its name yet"
        file.close()
        raise Locked(
            f"{directory} is in use by {holder}; stop it or choose another --run-dir."
        ) from None
    since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()} since {since}\n")
    file.flush()
    return file
