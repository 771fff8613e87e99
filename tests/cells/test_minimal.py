"""minGRU and minLSTM against their paper."""

from rnnjax.cells.minimal import min_gru, min_lstm
from tests.cells.paper import affine, equals_paper, sigmoid


@equals_paper(min_gru)
def test_min_gru_equals_paper(p, h, x):
    ux = affine(p, x, "zn")
    z = sigmoid(ux["z"])
    return (1 - z) * h + z * ux["n"]


@equals_paper(min_lstm)
def test_min_lstm_equals_paper(p, h, x):
    ux = affine(p, x, "fin")
    f, i = sigmoid(ux["f"]), sigmoid(ux["i"])
    return f / (f + i) * h + i / (f + i) * ux["n"]
