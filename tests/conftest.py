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


def sharing(item):
    """What an item shares compiled programs with: its file; a contract, its case."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    cases = [name for name in params if name.endswith("case")]
    if item.path.parent.name != "contracts" or not cases:
        return (str(item.path),)
    cases.sort(key=lambda name: name == "engine_case")  # the engine comes last
    return (str(item.path.parent), *(params[name].name for name in cases))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks long forms before pytest leaves out what is marked, and sorts contracts.

    Contracts of one cell on one engine ask different things of the same programs.
    """
    for item in items:
        if is_long(item):
            item.add_marker(pytest.mark.slow)
    items.sort(key=sharing)


_shared = ()


@pytest.fixture(autouse=True)
def _free_programs(request):
    """Lets go of programs that no later test asks for.

    Thousands exhaust a process's memory maps: XLA then ends the process by a
    segmentation fault, and says nothing.
    """
    global _shared
    own = sharing(request.node)[:2]
    if own != _shared:
        jax.clear_caches()
    _shared = own


@pytest.fixture
def x64():
    """Computes in float64, without touching what other tests compute in."""
    with jax.enable_x64(True):
        yield
