"""What is not affine is named; that every cell is affine, `tests/contracts` checks."""

import jax
import jax.numpy as jnp
import pytest

from rnnjax import lstm
from rnnjax.checks.affine import check_affine

CELL = lstm(5)
PARAMS = CELL.init(jax.random.key(0), 3)


def check(recur):
    """Checks an LSTM whose pull is another function of parameters and carry."""
    check_affine(CELL._replace(factors=CELL.factors._replace(recur=recur)), PARAMS)


def test_what_bends_is_named():
    def bent(params, carry):
        pull = CELL.factors.recur(params, carry)
        return {"gates": pull, "norm": [carry.c, carry.h**2]}

    message = (
        r"recur must be affine in the carry, got pull\['norm'\]\[1\] "
        r"\S+ off at the mean of two carries\."
    )
    with pytest.raises(ValueError, match=message):
        check(bent)


def test_how_far_off_is_said():
    """At the mean of x and y a square is off by a quarter of (x - y) squared."""
    seen = []

    def bent(params, carry):
        del params
        jax.debug.callback(lambda c: seen.append(c), carry.c)
        return carry.c**2

    with pytest.raises(ValueError) as error:
        check(bent)
    jax.effects_barrier()
    _, x, y = seen
    assert f"pull {jnp.max((x - y) ** 2) / 4:.2g} off" in str(error.value)


def test_nan_is_off():
    with pytest.raises(ValueError, match="got pull nan off"):
        check(lambda params, carry: carry.c * jnp.nan)
