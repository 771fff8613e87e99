"""Contract 8: what is wrong with an argument is said before an engine runs."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import dense, elman, embed, gru, lstm, one_hot
from rnnjax.unroll import unroll
from tests.every import CELLS, CELLS_OF_TREES, LIBRARY_CELLS, every_alone
from tests.programs import B, T, draw_arguments


def no_engine(*args, **kwargs):
    raise AssertionError("An engine ran.")


def refuse(case, message, **changes):
    """Checks that `unroll` raises `message` for changed arguments."""
    rng = np.random.default_rng(0)
    params, carry, inputs, *_ = draw_arguments(case, rng, dtype=np.float32)
    arguments = {"inputs": inputs, "carry": carry} | {
        name: change(inputs, carry) if callable(change) else change
        for name, change in changes.items()
    }
    with pytest.raises(ValueError, match=message):
        unroll(case.cell, params, engine=no_engine, **arguments)


@pytest.mark.parametrize("name", ["mask", "is_first"])
@every_alone(CELLS)
def test_marks(case, name):
    start = rf"{name} must be bool of shape \({T}, {B}\), got "
    whole = np.ones((T, B), np.int32)
    refuse(case, start + rf"int32 of shape \({T}, {B}\)\.", **{name: whole})
    for shape in [(B, T), (T,), (T, B, 1), (T + 1, B)]:
        wrong = np.ones(shape, bool)
        message = start + re.escape(f"bool of shape {shape}.")
        refuse(case, message, **{name: wrong})


@every_alone(CELLS)
def test_carry(case):
    changes = (
        lambda x: np.concatenate([x, x], -1),
        lambda x: x[:-1],
        lambda x: x.astype(np.float16),
    )
    message = "carry must be .*, got .*"
    for change in changes:
        changed = functools.partial(jax.tree.map, change)
        refuse(case, message, carry=lambda _, carry: changed(carry))  # noqa: B023
    refuse(case, message, carry=lambda _, carry: (carry,))


@every_alone(CELLS)
def test_inputs(case):
    def one_step_without_batch(inputs, carry):
        return jax.tree.map(lambda x: x[0, 0], inputs)

    ndim = case.cell.input_ndim
    message = f"inputs must have an axis of time before their {ndim} axes of features"
    refuse(case, message, inputs=one_step_without_batch, carry=None)
    refuse(case, message + ", got no array.", inputs=(), carry=None)


@every_alone(CELLS_OF_TREES)
def test_inputs_of_two_lengths(case):
    message = rf"inputs must all begin with the axes \({T}, {B}\), got "
    refuse(case, message, inputs=lambda x, _: {**x, "gain": x["gain"][:-1]})


@every_alone(LIBRARY_CELLS)
def test_last_axis(case):
    message = r"inputs must (have a last axis of \d|end in .*), got shape \(3, .*\)\."
    refuse(case, message, inputs=lambda x, _: np.concatenate([x, x], axis=-1))


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "5"])
@pytest.mark.parametrize("make", [elman, lstm, gru, dense, embed, one_hot])
def test_sizes(make, size):
    message = f"must be a positive whole number, got {size!r}"
    with pytest.raises(ValueError, match="[a-z]+_size " + message):
        make(size)
    with pytest.raises(ValueError, match="input_size must be"):
        make(5).init(jax.random.key(0), size)
    assert make(np.int64(5)) is make(5)  # a whole number of NumPy is one


def test_step_that_changes_its_carry():
    """A cell's own mistake is named before it ends in a scan's message."""
    cell = gru(5)
    params = cell.init(jax.random.key(0), 3)
    for spoil in (
        lambda h: h.astype(jnp.float16),
        lambda h: (h,),
        lambda h: h[..., 1:],
    ):

        def step(params, carry, inputs, spoil=spoil):
            carry, outputs = cell.step(params, carry, inputs)
            return spoil(carry), outputs

        wrong = cell._replace(step=step, factors=None)
        message = "cell.step must return a carry like the one it takes, .*, got "
        with pytest.raises(ValueError, match=message):
            unroll(wrong, params, np.ones((T, B, 3), np.float32), engine=no_engine)
