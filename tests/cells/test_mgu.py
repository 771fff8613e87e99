"""The minimal gated unit against its paper."""

import numpy as np

from rnnjax.cells.mgu import mgu
from tests.cells.paper import affine, equals_paper, sigmoid


@equals_paper(mgu)
def test_equals_paper(p, h, x):
    ux = affine(p, x, "fn")
    f = sigmoid(ux["f"] + h @ p["recurrent_kernel"])
    n = np.tanh(ux["n"] + (f * h) @ p["candidate_kernel"])
    return (1 - f) * h + f * n
