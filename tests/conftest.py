"""Four CPU devices for the tests of sharding, and float64 where truth is compared."""

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 4)
jax.devices()  # starts them, before an experiment asks for another number


@pytest.fixture(autouse=True)
def _free_programs(request):
    """Lets go of a long form's programs: thousands exhaust a process's memory maps."""
    yield
    if request.node.get_closest_marker("slow"):
        jax.clear_caches()


@pytest.fixture
def x64():
    """Computes in float64, without touching what other tests compute in."""
    with jax.enable_x64(True):
        yield
