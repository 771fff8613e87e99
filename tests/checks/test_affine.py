"""Checks of a user's own cell: what they let pass and what they name."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.checks.affine import check_affine
from tests.every import CELLS, every_alone
from tests.programs import shapes
from tests.pytrees import draw_like


@every_alone(CELLS)
def test_every_cell_is_affine(case):
    params = draw_like(np.random.default_rng(0), shapes(case, (1, 1))[0], np.float32)
    check_affine(case.cell, params, tolerance=0.02 if case.rounded else 1e-5)


def test_what_bends_is_named():
    cell = lstm(5)
    plain = cell.factors

    def bent(params, carry):
        return {"gates": plain.recur(params, carry), "norm": [carry.c, carry.h**2]}

    cell = cell._replace(factors=plain._replace(recur=bent))
    params = cell.init(jax.random.key(0), 3)
    message = (
        r"recur must be affine in the carry, got pull\['norm'\]\[1\] "
        r"\S+ off at the mean of two carries\."
    )
    with pytest.raises(ValueError, match=message):
        check_affine(cell, params)


def test_how_far_off_is_said():
    """At the mean of x and y a square is off by a quarter of (x - y) squared."""
    cell = lstm(5)
    params = cell.init(jax.random.key(0), 3)
    seen = []

    def bent(params, carry):
        del params
        jax.debug.callback(lambda c: seen.append(c), carry.c)
        return carry.c**2

    cell = cell._replace(factors=cell.factors._replace(recur=bent))
    with pytest.raises(ValueError) as error:
        check_affine(cell, params)
    jax.effects_barrier()
    _, x, y = seen
    assert f"pull {jnp.max((x - y) ** 2) / 4:.2g} off" in str(error.value)


def test_nan_is_off():
    cell = lstm(5)
    nothing = cell.factors._replace(recur=lambda params, carry: carry.c * jnp.nan)
    cell = cell._replace(factors=nothing)
    with pytest.raises(ValueError, match="got pull nan off"):
        check_affine(cell, cell.init(jax.random.key(0), 3))
