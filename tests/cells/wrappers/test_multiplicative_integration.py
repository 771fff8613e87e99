"""Multiplicative integration against its paper, and its reductions."""

import jax
import numpy as np
import pytest

from rnnjax import Cell, elman, gru, lstm
from rnnjax.cells.orthogonal import orthogonal_rnn
from rnnjax.cells.ugrnn import ugrnn
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from rnnjax.cells.wrappers.multiplicative_integration import (
    multiplicative_integration,
    multiplicative_integration_step,
)
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, draw
from tests.pytrees import assert_close


def test_integration_equals_paper(x64):
    """Wu et al. 2016, equation 4; its parameters in a dict of dicts, so by hand."""
    cell = multiplicative_integration(elman(H, use_bias=False))
    params, inputs = draw(cell)
    h = np.random.default_rng(1).normal(size=(B, H))
    for x in inputs:
        got = multiplicative_integration_step(params, h, x)
        assert_close(got, cell.step(params, h, x), 0)
        wx = x @ params["cell"]["kernel"]
        uh = h @ params["cell"]["recurrent_kernel"]
        h = params["product"] * wx * uh + params["recurrent_scale"] * uh
        h = np.tanh(h + params["kernel_scale"] * wx + params["bias"])
        assert_close(got[1], h, 1e-12)


@pytest.mark.parametrize("make", [elman, lstm, ugrnn])
def test_integration_by_sums_alone_is_the_cell(x64, make):
    cell = multiplicative_integration(make(H, use_bias=False))
    params, inputs = draw(cell)
    params["product"] = np.zeros_like(params["product"])
    for name in ("recurrent_scale", "kernel_scale"):
        params[name] = np.ones_like(params[name])
    own = params["cell"] | {"bias": params["bias"]}
    got = unroll(cell, params, inputs)
    assert_close(got, unroll(make(H), own, inputs), 1e-13)


def test_integration_takes_prepared_parameters(x64):
    """Of a cell whose recurrent matrix is made of its parameters."""
    plain = orthogonal_rnn(H, activation="tanh", use_bias=False)
    cell = multiplicative_integration(plain)
    params, inputs = draw(cell)
    params |= {"product": np.zeros(H), "bias": np.zeros(H)}
    params |= {"recurrent_scale": np.ones(H), "kernel_scale": np.ones(H)}
    want = unroll(plain, params["cell"], inputs)
    assert_close(unroll(cell, params, inputs), want, 1e-12)


def test_cells_that_cannot_integrate_are_refused():
    plain = elman(H)
    alone = Cell(plain.init, plain.initial_carry, plain.step)
    with pytest.raises(ValueError, match="cell must have factors, got one that"):
        multiplicative_integration(alone)
    with pytest.raises(ValueError, match="cell must have no bias"):
        multiplicative_integration(plain).init(jax.random.key(0), D)
    with pytest.raises(ValueError, match="cell must have no bias"):
        nested = multiplicative_integration(learned_initial_carry(plain))
        nested.init(jax.random.key(0), D)
    with pytest.raises(ValueError, match="cell must have a pull of one array"):
        multiplicative_integration(gru(H, use_bias=False)).init(jax.random.key(0), D)
