"""What is not affine is named; that every cell is affine, `tests/contracts` checks."""

import jax
import jax.numpy as jnp
import pytest

from rnnjax import lstm
from rnnjax.checks.affine import check_affine


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
