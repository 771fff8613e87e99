"""Multiplicative integration against its paper, and the cells it refuses."""

import jax
import numpy as np
import pytest

from rnnjax import Cell, elman, gru
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from rnnjax.cells.wrappers.multiplicative_integration import multiplicative_integration
from tests.cells.paper import D, H, equals_paper


@equals_paper(lambda size: multiplicative_integration(elman(size, use_bias=False)))
def test_equals_paper(params, h, x):
    """Wu et al. 2016, equation 4."""
    wx, uh = x @ params["cell"]["kernel"], h @ params["cell"]["recurrent_kernel"]
    pre = params["product"] * wx * uh + params["recurrent_scale"] * uh
    return np.tanh(pre + params["kernel_scale"] * wx + params["bias"])


def test_cells_that_cannot_integrate_are_refused():
    plain = elman(H)
    alone = Cell(plain.init, plain.initial_carry, plain.step)
    with pytest.raises(ValueError, match="cell must have factors, got one that"):
        multiplicative_integration(alone)
    for biased in (plain, learned_initial_carry(plain)):
        with pytest.raises(ValueError, match="cell must have no bias"):
            multiplicative_integration(biased).init(jax.random.key(0), D)
    with pytest.raises(ValueError, match="cell must have a pull of one array"):
        multiplicative_integration(gru(H, use_bias=False)).init(jax.random.key(0), D)
