"""What a reading gives where it is known without computing it."""

import jax
import numpy as np
import pytest

from rnnjax.attention import Memory, masked_softmax
from rnnjax.attention.memory import batch_first
from tests.attention.cases import READINGS, B, M
from tests.loop import in_numpy
from tests.pytrees import assert_close, assert_same_bits, draw_like

NAMES = [name for name in READINGS if name != "concat"]  # it is additive
NORMALIZED = [name for name in NAMES if name != "window"]
ROWS = np.random.default_rng(1).normal(size=(4, B, M))


def read(name, values, mask, scale=1.0):
    """Reads by a random query; parameters and query are drawn with `scale`.

    Returns:
      The glimpse, the weights, and what the glimpse would be for each row alone.
    """
    attention, *_ = READINGS[name]
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda key: attention.init(key, M, M), jax.random.key(0))
    params = draw_like(rng, shapes, scale=scale)
    h = scale * rng.normal(size=(B, M))
    memory = batch_first(Memory(values, mask), M, np.float64)
    memory = attention.prepare(params, memory)
    state = attention.start(params, memory, (B,))
    query = attention.query(params, memory, h)
    glimpse, _, weights = attention.read(params, memory, query, state)
    if name == "multi_head":
        values = values @ params["value_kernel"] @ params["output_kernel"]
    return glimpse, weights, values


def for_heads(name, weights):
    """Repeats weights `[B, S]` for each head, if there are several."""
    return np.repeat(weights[:, None], 2, axis=1) if name == "multi_head" else weights


@pytest.mark.parametrize("name", NORMALIZED)
def test_one_real_row_is_returned_whatever_the_others_hold(name):
    mask = np.arange(4)[:, None] == np.array([0, 3, 1])
    filled = np.where(mask[..., None], ROWS, np.nan)
    glimpse, weights, _ = read(name, filled, mask)
    _, _, rows = read(name, ROWS, mask)
    assert_close(glimpse, rows[[0, 3, 1], np.arange(B)], 1e-15)
    assert_same_bits(weights, for_heads(name, 1.0 * mask.T))


def test_one_row_without_a_mask_is_returned():
    glimpse, weights, _ = read("additive", ROWS[:1], None)
    assert_close(glimpse, ROWS[0], 1e-15)
    assert np.all(weights == 1)


@pytest.mark.parametrize("name", NORMALIZED)
def test_equal_energies_give_the_mean_of_real_rows(name):
    """Without a query and parameters all energies are 0."""
    mask = np.arange(4)[:, None] % np.array([1, 2, 3]) == 0
    glimpse, weights, rows = read(name, ROWS, mask, scale=0.0)
    share = mask / mask.sum(axis=0)
    assert_close(weights, for_heads(name, share.T), 1e-15)
    assert_close(glimpse, (share[..., None] * rows).sum(axis=0), 1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_no_real_row_gives_zeros(name):
    glimpse, weights, _ = read(name, np.nan * ROWS, np.zeros((4, B), bool))
    assert not np.any(glimpse) and not np.any(weights)


@pytest.mark.parametrize("name", ["general", "window"])
def test_no_row_gives_zeros(name):
    glimpse, weights, _ = read(name, ROWS[:0], None)
    assert not np.any(glimpse) and np.shape(weights) == (B, 0)


def test_softmax_of_great_energies_and_of_none():
    energies = np.array([[1e300, -1e300, 0.0], [-1e300, -1e300, 0.0]])
    mask = np.array([[True, True, False], [True, True, False]])
    want = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    assert_same_bits(masked_softmax(energies, mask), want)
    with jax.debug_nans(True):
        gradient = jax.grad(lambda x: masked_softmax(x, ~mask & mask).sum())(energies)
    assert not np.any(gradient)


def test_softmax_has_all_derivatives():
    """At masked places they are 0; in both modes and in second order."""
    energies, real = np.array([0.3, np.nan, -0.4, 0.9]), [0, 2, 3]
    mask = np.array([True, False, True, True])

    @in_numpy
    def derivatives(energies):
        orders = jax.jacfwd, jax.jacrev, lambda f: jax.jacfwd(jax.jacrev(f))
        masked = [d(lambda x: masked_softmax(x, mask))(energies) for d in orders]
        return masked, [d(jax.nn.softmax)(energies[np.array(real)]) for d in orders]

    for got, want in zip(*derivatives(energies)):
        index = np.ix_(*[real] * got.ndim)
        assert_close(got[index], want, 1e-15)
        rest = got.copy()
        rest[index] = 0
        assert not np.any(rest)
