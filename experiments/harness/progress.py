"""How far a run is: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from typing import Any

import rich.progress

from experiments.harness.console import print_text

PLAIN_SECONDS = 10.0


class Progress:
    """Shows update, loss, rate and the time that remains.

    The rate counts the updates alone; the time that remains is by the pace of the run
    as a whole, with its evaluations and checkpoints. The first update, which compiles,
    counts in neither.

    Args:
      num_updates: updates in all.
      done: updates done before this process began.
      units_per_update: units that one update reads, such as characters.
      unit: their name.
    """

    def __init__(self, num_updates: int, done: int, units_per_update: float, unit: str):
        self._num_updates = num_updates
        self._units_per_update = units_per_update
        self._unit = unit
        self._counted_from = done + 1
        self._began: float | None = None
        self._seconds_per_update: float | None = None
        self._last_line = time.monotonic()
        self._bar = None
        if sys.stdout.isatty():
            self._bar = rich.progress.Progress(
                rich.progress.TextColumn("{task.completed}/{task.total}"),
                rich.progress.BarColumn(bar_width=None),
                rich.progress.TextColumn("{task.description}", markup=False),
                expand=True,
            )
            self._task = self._bar.add_task("", total=num_updates, completed=done)

    def __enter__(self) -> "Progress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, update: int, loss: float, seconds: float) -> None:
        """Shows that an update is done.

        Args:
          update: updates done.
          loss: its loss.
          seconds: the time it took.
        """
        now = time.monotonic()
        if self._began is None:
            self._began = now
        elif self._seconds_per_update is None:
            self._seconds_per_update = seconds
        else:
            # An average over the last hundred updates or so.
            self._seconds_per_update += 0.02 * (seconds - self._seconds_per_update)
        status = f"loss {loss:.4f}{self._pace(update, now)}"
        if self._bar is not None:
            self._bar.update(self._task, completed=update, description=status)
        elif now - self._last_line >= PLAIN_SECONDS or update == self._num_updates:
            self._last_line = now
            print_text(f"update {update}/{self._num_updates}  {status}")

    def evaluated(self, update: int, metrics: dict[str, Any]) -> None:
        """Prints the line of an evaluation.

        Args:
          update: updates done.
          metrics: what `evaluate` returned.
        """
        values = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        print_text(f"update {update}/{self._num_updates}  {values}")

    def _pace(self, update: int, now: float) -> str:
        if self._began is None or self._seconds_per_update is None:
            return ""
        rate = self._units_per_update / max(self._seconds_per_update, 1e-9)
        pace = (now - self._began) / (update - self._counted_from)
        left = pace * (self._num_updates - update)
        return f"  {_short(rate)} {self._unit}/s  {_clock(left)} left"


def _short(value: float) -> str:
    """Writes a number in three digits: 41200 as 41.2k."""
    for suffix in ("", "k", "M"):
        if value < 999.5:
            return f"{value:.3g}{suffix}"
        value /= 1000
    return f"{value:.3g}G"


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
