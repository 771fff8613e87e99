"""A memory for each sequence, shared out over devices with the batch."""

import functools

import pytest

from rnnjax import hoisted
from rnnjax.checks.runs import run_with_gradients
from tests.attention.cases import CASES, draw, program
from tests.contracts.test_sharding import (
    BATCH_FIRST,
    TIME_FIRST,
    WHOLE,
    lower_auto,
    lower_explicit,
)
from tests.pytrees import assert_close


@pytest.mark.slow
@pytest.mark.parametrize("lower_sharded", [lower_auto, lower_explicit])
@pytest.mark.parametrize(
    "name", ["additive-before", "general-feeding_h_tilde", "location_aware-before"]
)
def test_nothing_is_gathered(name, lower_sharded):
    case = CASES[name]
    arguments = draw(case, batch_size=8)
    of_params = {key: WHOLE for key in arguments.params} | {"memory": TIME_FIRST}
    specs = (of_params, WHOLE, *[TIME_FIRST] * 3, (BATCH_FIRST, TIME_FIRST))
    run = functools.partial(run_with_gradients, case.cell, hoisted, False)
    lowered, placed = lower_sharded(run, arguments, specs)
    compiled = lowered.compile()
    assert "all-gather" not in compiled.as_text()
    assert_close(compiled(*placed), program(case.cell)(*arguments), 1e-11)
