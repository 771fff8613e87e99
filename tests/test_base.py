"""Makers that are cached."""

import functools

import jax
import numpy as np
import pytest

from rnnjax import elman, lstm
from rnnjax.base import cached
from rnnjax.cells.janet import janet
from rnnjax.initializers import chrono
from rnnjax.unroll import unroll
from tests.refusals import refuses

T, B, D, H = 7, 3, 2, 5


def test_two_calls_are_traced_once():
    """A cell made anew, and a new array, run the program that was compiled."""
    traces = []

    @functools.partial(jax.jit, static_argnums=0)
    def run(cell, params, inputs):
        traces.append(inputs.shape)
        return unroll(cell, params, inputs)

    params = lstm(H).init(jax.random.key(0), D)
    inputs = np.ones((T, B, D), np.float32)
    first = run(lstm(H), params, inputs)
    second = run(lstm(H, forget_bias=1.0), params, 2 * inputs)
    assert traces == [(T, B, D)]
    assert not np.array_equal(first[1], second[1])
    run(lstm(H), params, inputs[:4])
    assert traces == [(T, B, D), (4, B, D)]


def test_true_is_not_one():
    """A cell cached for a size of 1 is not returned for True, though 1 == True."""
    assert elman(1) is elman(hidden_size=1)
    with pytest.raises(ValueError, match="must be a positive whole number, got True"):
        elman(True)


def test_options_are_equal_however_they_are_given():
    bias = chrono(10)
    cell = janet(H, forget_bias=bias)
    assert janet(hidden_size=H, use_bias=True, forget_bias=bias, beta=1.0) is cell
    assert janet(H, **{"use_bias": True}, forget_bias=bias) is cell
    assert janet(H, forget_bias=chrono(10)) is not cell
    assert janet(H, forget_bias=bias, use_bias=False) is not cell


@cached
def counter(size, *, values=()):
    return [size, values]


def test_a_function_of_any_kind_is_cached():
    assert counter(1, values=(2,)) is counter(size=1, values=(2,))


test_bad_calls_name_maker_and_option = refuses(
    (lambda: counter(1, valves=()), r"counter\(\) got an unexpected .* 'valves'"),
    (counter, r"counter\(\) missing a required argument: 'size'"),
    (lambda: counter(1, values=[2]), r"counter\(\) takes hashable .*, got \[2\]"),
    (lambda: janet(H, use_biass=True), r"janet\(\) got an unexpected .*biass"),
    error=TypeError,
)
