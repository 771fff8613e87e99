"""Polite stopping: what arrives during an update waits until it is finished."""

import contextlib
import signal
import threading
from collections.abc import Iterator

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Stopped(BaseException):
    """A signal asked the run to stop; not an `Exception`, as no handler may eat it."""


class StopSignals:
    """Notes SIGINT, SIGTERM and SIGUSR1 while it is entered.

    `received` is the first signal that arrived, or None. Inside `interruptible` a
    signal raises `Stopped` at once, which is for work that can be done again.
    """

    def __init__(self):
        self.received: signal.Signals | None = None
        self._raises = False
        self._previous = {}

    def __enter__(self) -> "StopSignals":
        # Python delivers signals to the main thread alone, and lets no other thread
        # ask for them.
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: object) -> None:
        self.received = self.received or signal.Signals(number)
        self._stop_if_allowed()

    def _stop_if_allowed(self) -> None:
        if self.received and self._raises:
            self._raises = False
            raise Stopped(self.received.name)

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Raises `Stopped` where the body stands when a signal arrives.

        Raises:
          Stopped: also at once, if a signal has arrived before.
        """
        self._raises = True
        try:
            self._stop_if_allowed()
            yield
        finally:
            self._raises = False
