"""The learned initial carry: where it starts, and what of it is learned."""

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax import lstm
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, draw, initial
from tests.pytrees import assert_close, assert_same_bits
from tests.user_cells import counting, reflecting


def test_learned_start_is_that_carry(x64):
    cell = lstm(H)
    params, inputs = draw(learned_initial_carry(cell))
    repeat = jax.tree.map(lambda x: jnp.tile(x, (B, 1)), params["initial_carry"])
    got = unroll(learned_initial_carry(cell), params, inputs)
    assert_same_bits(got, unroll(cell, params["cell"], inputs, carry=repeat))


def test_learned_start_begins_as_the_cell_does():
    """From what `prepare` made, too."""
    for cell in (lstm(H), reflecting(H)):
        params = initial(learned_initial_carry(cell))
        inputs = np.ones((T, B, D), np.float32)
        got = unroll(learned_initial_carry(cell), params, inputs)
        assert_close(got, unroll(cell, params["cell"], inputs), 1e-6)


def test_counters_are_not_learned():
    """Nor is a step of one piece in the way."""
    inputs = {"features": np.ones((T, B, D)), "gain": np.ones((T, B))}
    cell = learned_initial_carry(counting(H))
    params = initial(cell)
    assert params["initial_carry"]["count"] is None

    @jax.jit
    def last(h):
        own = {**params, "initial_carry": {"count": None, "h": h}}
        carry, outputs = unroll(cell, own, inputs)
        return carry["h"].sum(), (carry, outputs)

    start = params["initial_carry"]["h"]
    gradient, got = jax.grad(last, has_aux=True)(start)
    assert_same_bits(got, unroll(counting(H), params["cell"], inputs))
    assert np.all(gradient != 0)
