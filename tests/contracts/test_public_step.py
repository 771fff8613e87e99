"""The public step computes what the maker's cell computes, with the same options."""

import contextlib
import functools
import inspect

import jax
import numpy as np
import pytest

from rnnjax import cell_catalogue
from rnnjax.base import prepared
from tests.cases import draw_vectors
from tests.loop import in_numpy
from tests.pytrees import assert_same_bits, draw_like

H, B = 8, 2
FEATURES = 3
ENTRIES = cell_catalogue()

# Options whose other value does not follow from the default's type.
OTHER_VALUES = {
    "gates": "io",
    "clip": 0.5,
    "pooling": "ifo",
    "periods": (3, 1, 2, 2),
    "activation": "sin",
    "gate_activation": "softsign",
    "output_activation": "relu",
}

every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.call)


@pytest.fixture(autouse=True)
def _float32():
    """Bits are compared in the dtype that most programs compute in."""
    with jax.enable_x64(False):
        yield


def options_of_step(entry, **changes):
    """Returns the arguments that the step needs for the cell of an entry."""
    accepted = inspect.signature(entry.step).parameters
    given = entry.arguments | entry.step_options | changes
    return {name: value for name, value in given.items() if name in accepted}


def other_options(entry):
    """Returns another value for every option that step and maker share."""
    of_maker = inspect.signature(entry.maker).parameters.keys()
    if "peepholes" in entry.arguments:  # they need all gates
        of_maker -= {"gates", "coupled"}
    return {
        name: other_value(name, parameter.default)
        for name, parameter in inspect.signature(entry.step).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name in of_maker
    }


def other_value(name, default):
    if name in OTHER_VALUES:
        return OTHER_VALUES[name]
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + 1
    if isinstance(default, float):
        return 0.7 * default + 0.1
    raise AssertionError(f"OTHER_VALUES must have a value for the option {name}.")


def draw_step(cell, entry):
    """Draws prepared parameters, a carry and the inputs of one step."""
    rng = np.random.default_rng(0)
    features = H if entry.square else FEATURES
    input_size = entry.input_size(features)

    def shapes(key):
        params = prepared(cell, cell.init(key, input_size))
        return params, cell.initial_carry(params, (B,))

    params, carry = jax.eval_shape(shapes, jax.random.key(0))
    draw = entry.draw or draw_vectors
    inputs = jax.tree.map(np.float32, draw(rng, (B,), input_size))
    return *draw_like(rng, (params, carry), np.float32), inputs


def run_both(entry, cell, options, same_step=None):
    """Returns what the cell's step gives, checked against the public one's.

    `same_step`, if given, is compared as well.
    """
    public_step = functools.partial(entry.step, **options)
    steps = [cell.step, public_step] + ([same_step] if same_step else [])
    arguments = draw_step(cell, entry)
    of_cell, *others = in_numpy(lambda *args: [step(*args) for step in steps])(
        *arguments
    )
    for other in others:
        assert_same_bits(other, of_cell)
    return of_cell, arguments


@every_entry
def test_step_is_the_public_step(entry):
    run_both(entry, entry.make(H), options_of_step(entry))


@every_entry
def test_step_without_bias_is_the_public_step(entry):
    """And the step of the cell with biases, where these are zeros."""
    if "use_bias" not in inspect.signature(entry.maker).parameters:
        pytest.skip("the maker has no such option")
    biased = entry.make(H)
    drawn, _, _ = draw_step(biased, entry)
    zeros = {
        name: jax.tree.map(np.zeros_like, x)
        for name, x in drawn.items()
        if "bias" in name
    }

    def step_of_zeros(params, carry, inputs):
        return biased.step(params | zeros, carry, inputs)

    plain = entry.make(H, use_bias=False)
    run_both(entry, plain, options_of_step(entry), step_of_zeros)


@pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if other_options(entry)], ids=lambda e: e.call
)
def test_public_step_takes_the_options(entry):
    """All options at once, and each changes something."""
    changes = other_options(entry)
    changed, arguments = run_both(
        entry, entry.make(H, **changes), options_of_step(entry, **changes)
    )
    others = {}
    for name in changes.keys() - entry.arguments.keys():
        kept = {key: value for key, value in changes.items() if key != name}
        step = functools.partial(entry.step, **options_of_step(entry, **kept))
        with contextlib.suppress(ValueError, TypeError):  # of other parameters
            jax.eval_shape(step, *arguments)
            others[name] = step
    run = in_numpy(lambda *args: {name: step(*args) for name, step in others.items()})
    for name, got in run(*arguments).items():
        with contextlib.suppress(ValueError):  # other shapes
            assert not all_close(got, changed), name


def all_close(tree, other):
    return all(map(np.allclose, jax.tree.leaves(tree), jax.tree.leaves(other)))
