"""Polite stopping: a signal that arrives during an update waits for its end."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Stopped(BaseException):
    """A signal asked the run to stop; not an `Exception`, as no handler may eat it."""

    def __init__(self, received: signal.Signals):
        super().__init__(received.name)
        self.received = received


class StopSignals:
    """Turns SIGINT, SIGTERM and SIGUSR1 into `Stopped` while it is entered.

    The exception is raised where the program stands, and within `shielded` only noted:
    `received` is the first signal that arrived, or None.
    """

    def __init__(self):
        self.received: signal.Signals | None = None
        self._is_shielded = False
        self._previous = {}

    def __enter__(self) -> "StopSignals":
        # Python delivers signals to the main thread, and lets no other ask for them.
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """Lets the body finish whatever it does; what came meanwhile is raised then.

        Raises:
          Stopped: at the end, if a signal has arrived.
        """
        with self._shield(True):
            yield
        self.raise_if_received()

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Lifts the shield, for a part of it that may be done again.

        Raises:
          Stopped: at once, if a signal has arrived; else where the body then stands.
        """
        with self._shield(False):
            self.raise_if_received()
            yield

    def raise_if_received(self) -> None:
        """Stops here if a signal has arrived.

        Raises:
          Stopped: if so.
        """
        if self.received is not None:
            raise Stopped(self.received)

    @contextlib.contextmanager
    def _shield(self, up: bool) -> Iterator[None]:
        before, self._is_shielded = self._is_shielded, up
        try:
            yield
        finally:
            self._is_shielded = before

    def _note(self, number: int, frame: object) -> None:
        if self.received is not None:
            return  # one is enough, and the next must not cut short what it started
        self.received = signal.Signals(number)
        if not self._is_shielded:
            raise Stopped(self.received)
        # Not `print`, which a handler may have interrupted in the middle.
        os.write(2, f"\n{self.received.name}: stops after this update\n".encode())
