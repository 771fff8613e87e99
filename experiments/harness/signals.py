"""Stopping on signals: one that arrives during an update waits for its end."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

# Windows has no SIGUSR1.
STOPPING = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGUSR1")
    if hasattr(signal, name)
]


class Stopped(BaseException):
    """A signal asked the run to stop; no `Exception`, so that no handler catches it."""

    def __init__(self, received: signal.Signals):
        super().__init__(received.name)
        self.received = received


class _State:
    """What has arrived; one for the process, as its signal handlers are."""

    received: signal.Signals | None = None
    is_shielded = False


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Turns SIGINT, SIGTERM and SIGUSR1 into `Stopped` within the body.

    The exception is raised wherever the program is, and within `shielded` at its end.

    Raises:
      Stopped: if a signal arrives.
    """
    _State.received = None
    previous = {}
    # Python delivers signals to the main thread, and only there can handlers be set.
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, _note) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        _State.received = None


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Lets the body run to its end; a signal that arrived meanwhile is raised then.

    Raises:
      Stopped: at the end, if a signal has arrived.
    """
    with _shield(True):
        yield
    raise_if_received()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Lifts the shield, for a part of it that may be repeated.

    Raises:
      Stopped: at once if a signal has arrived, else wherever the body is by then.
    """
    with _shield(False):
        raise_if_received()
        yield


def raise_if_received() -> None:
    """Stops here if a signal has arrived.

    Raises:
      Stopped: if one has.
    """
    if _State.received is not None:
        raise Stopped(_State.received)


@contextlib.contextmanager
def _shield(up: bool) -> Iterator[None]:
    before, _State.is_shielded = _State.is_shielded, up
    try:
        yield
    finally:
        _State.is_shielded = before


def _note(number: int, frame: object) -> None:
    if _State.received is not None:
        return  # a second one must not interrupt what the first one started
    _State.received = signal.Signals(number)
    if not _State.is_shielded:
        raise Stopped(_State.received)
    # Not `print`, which the handler may have interrupted.
    os.write(2, f"\n{_State.received.name}: stops after this update\n".encode())
