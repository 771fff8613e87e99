r"""The process of one contender, which loads and computes cases on request.

  python -m experiments.benchmark.worker \
      FD SOURCE OPTIONS NUM_CORES NUM_DEVICES ALLOCATOR

It waits for requests on a pipe, so it needs no core while it is the turn of others. A
request is a tuple of the name of a method of `Server` and its arguments; the answer is
`(True, value)` or `(False, traceback)`. The first answer means that it is ready.
"""

import functools
import gc
import importlib
import json
import os
import re
import runpy
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from experiments.benchmark.work import Case, Program

PROC = Path("/proc/self")
MEMORY = Path(__file__).parents[2] / "rnnjax" / "memory.py"


class Server:
    """What a worker does.

    Args:
      load_case: loads a case.
    """

    def __init__(self, load_case: Callable[[Case], Program]):
        self._load_case = load_case
        self._program: Program | None = None

    def load(self, case: Case) -> dict[str, Any]:
        """Loads a case and releases the previous one.

        Args:
          case: the case.

        Returns:
          `results`, `compile_seconds` and `temp_bytes`; see `Program`.
        """
        self._program = None
        _free()
        self._program = self._load_case(case)
        loaded = {
            "results": self._program.results(),
            "compile_seconds": self._program.compile_seconds,
            "temp_bytes": self._program.temp_bytes,
        }
        _reset_peak()
        return loaded

    def turn(self, least_seconds: float) -> float:
        """Computes the case repeatedly, at least once.

        Args:
          least_seconds: when to stop.

        Returns:
          The mean number of seconds per call.
        """
        assert self._program is not None
        num_calls, began = 0, time.perf_counter()
        while True:
            self._program.call()
            num_calls += 1
            seconds = time.perf_counter() - began
            if seconds >= least_seconds:
                return seconds / num_calls

    def peak_bytes(self) -> int | None:
        """Returns the peak memory of the process during its turns at this case.

        The library itself is included, compilation is not. None where the system does
        not report it.
        """
        if not PROC.exists():
            return None
        status = (PROC / "status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) * 1024 if found else None


def _free() -> None:
    """Releases compiled programs too, so that cases do not add up."""
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    gc.collect()


def _reset_peak() -> None:
    """Resets the recorded peak of memory."""
    if PROC.exists():
        (PROC / "clear_refs").write_text("5")


def _prepare(num_cores: int, num_devices: int, allocator: str) -> None:
    """Sets allocator, cores and devices, before the library is imported.

    The module is run by its path, since importing `rnnjax` would import JAX.
    """
    if allocator == "kept" and not runpy.run_path(str(MEMORY))["keep_freed_memory"]():
        raise RuntimeError("the allocator kept needs glibc.")
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[:num_cores]
        os.sched_setaffinity(0, cores)
    if num_devices > 1:
        import jax

        jax.config.update("jax_num_cpu_devices", num_devices)


def _serve(connection: Connection, server: Server) -> None:
    """Answers until the pipe is closed."""
    while True:
        try:
            name, *arguments = connection.recv()
        except EOFError:
            return
        try:
            answer = True, getattr(server, name)(*arguments)
        except Exception:
            answer = False, traceback.format_exc()
        connection.send(answer)


def main(arguments: list[str]) -> None:
    """Runs a worker.

    Args:
      arguments: file descriptor, source and options of the contender, numbers of cores
        and devices, allocator.

    Raises:
      RuntimeError: if freed memory is to be kept, and the C library is not glibc.
    """
    descriptor, source, options, num_cores, num_devices, allocator = arguments
    connection = Connection(int(descriptor))
    _prepare(int(num_cores), int(num_devices), allocator)
    module, _, function = source.partition(":")
    load = getattr(importlib.import_module(module), function)
    connection.send((True, "ready"))
    _serve(connection, Server(functools.partial(load, **json.loads(options))))


if __name__ == "__main__":
    main(sys.argv[1:])
