"""The simple recurrent unit against its paper."""

import numpy as np
import pytest

from rnnjax.cells.sru import sru
from tests.cells.paper import D, H, by_gate, check_step_of_paper, sigmoid


@pytest.mark.parametrize(
    ("input_size", "scale", "use_bias"), [(D, 1.0, True), (H, 1.7, True), (H, 0.4, 0)]
)
def test_sru_equals_paper(x64, input_size, scale, use_bias):
    """With a projection for the highway where sizes differ, without where not."""

    def step(params, h, c, x):
        v = by_gate(params["peephole"], "fr")
        b = by_gate(params["bias"], "fr") if use_bias else dict.fromkeys("fr", 0)
        parts = np.split(params["kernel"], params["kernel"].shape[1] // H, -1)
        f = sigmoid(x @ parts[0] + v["f"] * c + b["f"])
        r = sigmoid(x @ parts[1] + v["r"] * c + b["r"])
        c = f * c + (1 - f) * (x @ parts[2])
        shown = x @ parts[3] if len(parts) == 4 else x
        return r * c + (1 - r) * shown * scale, c

    cell = sru(H, highway_scale=scale, use_bias=bool(use_bias))
    check_step_of_paper(cell, step, input_size)
