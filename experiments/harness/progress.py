"""The progress of a run: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from typing import Any

from rich import filesize
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from experiments.harness.console import print_text

SECONDS_BETWEEN_LINES = 10.0
SECONDS_AVERAGED = 300.0


class Progress:
    """Shows updates, loss, rate and the remaining time.

    Rate and remaining time are averages over the last minutes, evaluations and
    checkpoints included. The first update, which compiles, is left out.

    Args:
      num_updates: updates in all.
      done: updates done before this process began.
      units_per_update: units that one update reads, such as characters.
      unit: their name, in the plural.
    """

    def __init__(self, num_updates: int, done: int, units_per_update: float, unit: str):
        self._num_updates = num_updates
        self._units_per_update = units_per_update
        self._unit = unit
        self._last_line = time.monotonic()
        self._is_terminal = sys.stdout.isatty()
        self._columns = (
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeRemainingColumn(),
        )
        self._progress = RichProgress(
            BarColumn(bar_width=None),
            *self._columns,
            expand=True,
            speed_estimate_period=SECONDS_AVERAGED,
            get_time=lambda: time.monotonic(),
            disable=not self._is_terminal,
        )
        task = self._progress.add_task("", total=num_updates, completed=done)
        self._task = self._progress.tasks[task]

    def __enter__(self) -> "Progress":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def advance(self, update: int, loss: float) -> None:
        """Shows that an update is done.

        Args:
          update: updates done.
          loss: its loss.
        """
        self._progress.update(self._task.id, completed=update)
        description = f"loss {loss:.4f}"
        if self._task.speed is not None:
            rate = self._task.speed * self._units_per_update
            description += f"  {_short(rate)} {self._unit}/s"
        self._progress.update(self._task.id, description=description)
        now = time.monotonic()
        if self._is_terminal or (
            now - self._last_line < SECONDS_BETWEEN_LINES
            and update != self._num_updates
        ):
            return
        self._last_line = now
        count, status, left = (column.render(self._task) for column in self._columns)
        print_text(f"update {count.plain.strip()}  {status.plain}  {left.plain} left")

    def evaluated(self, update: int, metrics: dict[str, Any]) -> None:
        """Prints the line of an evaluation.

        Args:
          update: updates done.
          metrics: what `evaluate` returned.
        """
        values = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        print_text(f"update {update}/{self._num_updates}  {values}")


def _short(value: float) -> str:
    """Writes 41234 as 41.2k."""
    unit, suffix = filesize.pick_unit_and_suffix(int(value), ["", "k", "M", "G"], 1000)
    return f"{value / unit:.1f}{suffix}"
