"""Four CPU devices for the tests of sharding, and float64 where truth is compared."""

import jax
import pytest

from rnnjax import hoisted

jax.config.update("jax_num_cpu_devices", 4)
jax.devices()  # starts them, before an experiment asks for another number


# What the ordinary run asks of a case that does not meet every engine: most of it is
# one compiled program.
ORDINARY = {
    "test_marked_batch_equals_loop",
    "test_fill_changes_no_bit",
    "test_padding_gives_zeros_and_takes_no_gradient",
    "test_empty_sequence_keeps_carry",
    "test_batch_begins_like_each_sequence",
    "test_engine_equals_scan",
    "test_steps_equal_apply",
    "test_every_cell_is_affine",
    "test_wrong_marks_are_refused",
    "test_marks",
    "test_carry",
    "test_inputs",
    "test_last_axis",
}


def is_long(item):
    """Whether a test of a case that does not meet every engine can wait."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    cases = [value for name, value in params.items() if name.endswith("case")]
    if all(getattr(case, "every_engine", True) for case in cases):
        return False
    engine_case = params.get("engine_case")
    on_default = engine_case is None or engine_case.engine is hoisted
    ordinary = item.originalname in ORDINARY and not params.get("reverse")
    return not (ordinary and on_default)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks long forms before pytest leaves out what is marked."""
    for item in items:
        if is_long(item):
            item.add_marker(pytest.mark.slow)


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
