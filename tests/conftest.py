"""Four CPU devices for the tests of sharding, and float64 where truth is compared."""

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 4)
jax.devices()  # starts them, before an experiment asks for another number


@pytest.fixture(autouse=True, scope="module")
def _free_programs():
    """Lets go of a file's programs: thousands exhaust a process's memory maps.

    XLA then ends the process by a segmentation fault, and says nothing.
    """
    yield
    jax.clear_caches()


@pytest.fixture(autouse=True)
def _free_programs_of_long_form(request):
    yield
    if request.node.get_closest_marker("slow"):
        jax.clear_caches()


@pytest.fixture
def x64():
    """Computes in float64, without touching what other tests compute in."""
    with jax.enable_x64(True):
        yield
