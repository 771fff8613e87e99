"""Four CPU devices for the tests of sharding, and float64 where truth is compared."""

import itertools
import os
from importlib.metadata import version
from pathlib import Path

# Most of the cost of the tests is compiling, so XLA optimizes less here and in the
# processes that tests start, and compiles each program in one part, not in many at the
# same time. Flags of the environment come later and win. XLA ends the process at a flag
# that it does not know.
os.environ["XLA_FLAGS"] = " ".join(
    [
        "--xla_backend_optimization_level=0",
        *(
            "--xla_cpu_use_fusion_emitters=false",
            "--xla_cpu_parallel_codegen_split_count=1",
        )[: None if version("jaxlib") < "0.11" else 0],
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
