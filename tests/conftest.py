"""Four CPU devices for the tests of sharding, and float64 where truth is compared."""

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 4)


@pytest.fixture
def x64():
    """Computes in float64, without touching what other tests compute in."""
    with jax.enable_x64(True):
        yield
