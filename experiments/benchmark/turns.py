"""Contenders in separate processes, verified to agree, measured in turns."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmark.contenders import CONTENDERS
from experiments.benchmark.work import Case

ROOT = Path(__file__).parent.parent.parent
# For max|a - b| <= tolerance * max(1, max|b|). The gradient of a weight is a sum over
# all steps and sequences, so float32 keeps fewer of its digits.
TOLERANCES = {"outputs": 1e-5}
GRADIENT_TOLERANCE = 1e-4


class Disagreement(Exception):
    """A contender computes something different from the others."""


class WorkerFailed(Exception):
    """A contender raised an error or died."""


class Worker:
    """The parent's end of a contender's process.

    Args:
      name: the contender.
      num_cores: number of cores it may use.
      allocator: how it allocates memory; see `ALLOCATORS`.
    """

    def __init__(self, name: str, num_cores: int, allocator: str):
        self.name = name
        self._is_ready = False
        contender = CONTENDERS[name]
        self._connection, theirs = Pipe()
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        # Settings of the allocator that the user may have made are not inherited.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
        environment = inherited | {
            "JAX_PLATFORMS": "cpu",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "experiments.benchmark.worker",
                    str(theirs.fileno()),
                    contender.source,
                    json.dumps(contender.options),
                    str(num_cores),
                    str(num_cores if contender.is_sharded else 1),
                    allocator,
                ],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # the parent handles ctrl-c
            )

    def ask(self, *request: Any) -> Any:
        """Makes the worker do something, and waits for it.

        Args:
          *request: name of a method of `Server`, and its arguments.

        Returns:
          What the method returned.

        Raises:
          WorkerFailed: if it raised, or the process died.
        """
        self.wait_until_ready()
        return self._exchange(request)

    def wait_until_ready(self) -> None:
        """Waits until the library is imported.

        Raises:
          WorkerFailed: if the process died.
        """
        if not self._is_ready:
            self._exchange(None)
            self._is_ready = True

    def _exchange(self, request):
        try:
            if request is not None:
                self._connection.send(request)
            is_done, value = self._connection.recv()
        except (EOFError, ConnectionError):
            status = self._process.wait()
            raise WorkerFailed(f"{self.name} died with status {status}.") from None
        if not is_done:
            raise WorkerFailed(f"{self.name} failed:\n{value}")
        return value

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def workers() -> Iterator[Callable[[str, int, str], Worker]]:
    """Yields a function that lends workers, and ends them all at last.

    The function takes contender, number of cores and allocator. A worker is started
    when it is first asked for, then kept warm until one with another number of cores or
    another allocator is asked for.
    """
    running: dict[tuple[str, int, str], Worker] = {}

    def lend(name, num_cores, allocator):
        for key in [key for key in running if key[1:] != (num_cores, allocator)]:
            running.pop(key).close()
        key = name, num_cores, allocator
        if key not in running:
            running[key] = Worker(*key)
        return running[key]

    try:
        yield lend
    finally:
        for worker in running.values():
            worker.close()


def measure(
    case: Case,
    lend: Callable[[str, int, str], Worker],
    *,
    num_rounds: int,
    turn_seconds: float,
    pause_seconds: float,
) -> dict[str, dict[str, Any]]:
    """Measures all contenders of a case.

    Args:
      case: the case.
      lend: lends workers; see `workers`.
      num_rounds: number of turns of each contender.
      turn_seconds: least duration of a turn.
      pause_seconds: pause before each turn, in which threads that wait by spinning
        go to sleep.

    Returns:
      By contender: `median_seconds`, `quartiles`, `turns` (seconds of each),
      `compile_seconds`, `temp_bytes` and `peak_bytes`, None where unknown.

    Raises:
      Disagreement: if a contender differs from the first.
      WorkerFailed: if one raises an error or dies.
    """
    contenders = [
        lend(name, case.num_cores, case.allocator) for name in case.contenders
    ]
    found: dict[str, dict[str, Any]] = {}
    first = None
    for worker in contenders:  # before the first compiles
        worker.wait_until_ready()
    for worker in contenders:  # one after the other, as compilation is timed
        found[worker.name] = worker.ask("load", case)
        results = found[worker.name].pop("results")
        first = results if first is None else first
        verify(worker.name, results, contenders[0].name, first)
    turns: dict[str, list[float]] = {worker.name: [] for worker in contenders}
    for index in range(num_rounds + 1):
        for offset in range(len(contenders)):
            worker = contenders[(index + offset) % len(contenders)]
            time.sleep(pause_seconds)
            turns[worker.name].append(worker.ask("turn", turn_seconds))
    for worker in contenders:
        seconds = turns[worker.name][1:]  # the first round warms up
        found[worker.name] |= {
            "median_seconds": statistics.median(seconds),
            "quartiles": [float(q) for q in np.quantile(seconds, [0.25, 0.75])],
            "turns": seconds,
            "peak_bytes": worker.ask("peak_bytes"),
        }
    return found


def verify(
    name: str,
    results: Mapping[str, np.ndarray],
    reference: str,
    expected: Mapping[str, np.ndarray],
) -> None:
    """Compares the results that two contenders have in common.

    Args:
      name: a contender.
      results: its results.
      reference: another contender.
      expected: the results of that one.

    Raises:
      Disagreement: if they differ by more than the tolerance.
    """
    for key in sorted(results.keys() & expected.keys()):
        ours, theirs = results[key], expected[key]
        if ours.shape != theirs.shape:
            raise Disagreement(
                f"{name} disagrees with {reference} in the shape of {key}: "
                f"{ours.shape}, not {theirs.shape}."
            )
        scale = max(1.0, float(np.max(np.abs(theirs))))
        error = float(np.max(np.abs(ours - theirs))) / scale
        tolerance = TOLERANCES.get(key, GRADIENT_TOLERANCE)
        if not error <= tolerance:
            raise Disagreement(
                f"{name} disagrees with {reference} in {key}: they differ by "
                f"{error:.2g} of the largest, more than {tolerance:.0e}."
            )
