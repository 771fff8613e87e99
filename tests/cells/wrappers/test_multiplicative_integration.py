"""Multiplicative integration against its paper, and the cells it refuses."""

import jax
import numpy as np

from rnnjax import Cell, elman, gru
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from rnnjax.cells.wrappers.multiplicative_integration import multiplicative_integration
from tests.cells.paper import D, H, equals_paper
from tests.refusals import refuses


@equals_paper(lambda size: multiplicative_integration(elman(size, use_bias=False)))
def test_equals_paper(params, h, x):
    """Wu et al. 2016, equation 4."""
    wx, uh = x @ params["cell"]["kernel"], h @ params["cell"]["recurrent_kernel"]
    pre = params["product"] * wx * uh + params["recurrent_scale"] * uh
    return np.tanh(pre + params["kernel_scale"] * wx + params["bias"])


def integrating(cell):
    return multiplicative_integration(cell).init(jax.random.key(0), D)


STEP_ALONE = Cell(elman(H).init, elman(H).initial_carry, elman(H).step)
test_cells_that_cannot_integrate_are_refused = refuses(
    (multiplicative_integration, STEP_ALONE, "cell must have factors, got one that"),
    (integrating, elman(H), "cell must have no bias"),
    (integrating, learned_initial_carry(elman(H)), "cell must have no bias"),
    (integrating, gru(H, use_bias=False), "cell must have a pull of one array"),
)
