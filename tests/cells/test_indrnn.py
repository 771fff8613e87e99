"""The independently recurrent network against its paper."""

from rnnjax.cells.indrnn import indrnn
from tests.cells.paper import IN_NUMPY, equals_paper


@equals_paper(indrnn, {"activation": "tanh"}, {"activation": "relu"})
def test_equals_paper(params, h, x, activation):
    pre = x @ params["kernel"] + params["recurrent_scale"] * h + params["bias"]
    return IN_NUMPY[activation](pre)
