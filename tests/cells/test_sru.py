"""The simple recurrent unit against its paper."""

import numpy as np

from rnnjax.cells.sru import sru
from tests.cells.paper import H, by_gate, equals_paper, sigmoid


def step_of_paper(params, h, c, x, highway_scale):
    """With a projection for the highway where sizes differ, without where not."""
    v = by_gate(params["peephole"], "fr")
    b = by_gate(params["bias"], "fr")
    parts = np.split(params["kernel"], params["kernel"].shape[1] // H, -1)
    f = sigmoid(x @ parts[0] + v["f"] * c + b["f"])
    r = sigmoid(x @ parts[1] + v["r"] * c + b["r"])
    c = f * c + (1 - f) * (x @ parts[2])
    shown = x @ parts[3] if len(parts) == 4 else x
    return r * c + (1 - r) * shown * highway_scale, c


test_equals_paper = equals_paper(sru, {"highway_scale": 1.0})(step_of_paper)
test_as_wide_as_its_inputs_equals_paper = equals_paper(
    sru, {"highway_scale": 1.7}, input_size=H
)(step_of_paper)
