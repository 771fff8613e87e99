"""Four CPU devices for the tests of sharding, and float64 where truth is compared."""

import itertools
import os
from pathlib import Path

# Compiling is most of what the tests cost, so XLA leaves out here, and in the processes
# that tests start, what it does for speed. Flags of the environment come after these
# and win. A flag that a later XLA does not know ends the process by its name: drop it.
os.environ["XLA_FLAGS"] = " ".join(
    [
        "--xla_backend_optimization_level=0",
        "--xla_cpu_use_fusion_emitters=false",
        os.environ.get("XLA_FLAGS", ""),
    ]
)

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 4)
jax.devices()  # starts them, before an experiment asks for another number

MOST_MEMORY_MAPS = 25_000  # of the 65,530 that Linux gives a process


def cases_of(item):
    """Returns the names of the cases a test is about, that of the engine last."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    names = sorted((n for n in params if n.endswith("case")), key=len)
    return [getattr(params[name], "name", "") for name in names]


def pytest_collection_modifyitems(items):
    """Puts contracts of one cell on one engine together: they share programs."""
    items.sort(key=lambda item: (str(item.path.parent), cases_of(item)))


def pytest_runtest_teardown():
    """Lets go of compiled programs before they are too many.

    Thousands exhaust a process's memory maps: XLA then ends the process by a
    segmentation fault, without a message. Asking costs time, so few tests do.
    """
    maps = Path("/proc/self/maps")
    if next(finished) % 25 == 0 and maps.exists():
        if maps.read_bytes().count(b"\n") > MOST_MEMORY_MAPS:
            jax.clear_caches()


finished = itertools.count(1)


@pytest.fixture
def x64():
    """Computes in float64, without touching what other tests compute in."""
    with jax.enable_x64(True):
        yield
