"""The checks of a user's own cell: each contract, broken once, is named."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import Cell, check_cell, elman, gru
from rnnjax.checks import contracts
from rnnjax.unroll import unroll
from tests import user_cells
from tests.cases import draw_tree

FLAWS = {}


def flaw(contract, problem):
    """Notes a cell that breaks a contract, and what is said of it."""

    def note(make):
        FLAWS[make.__name__] = (make, contract, problem)
        return make

    return note


def with_step(change):
    """An Elman cell whose step goes through `change`, without factors."""
    plain = elman(5)

    def step(params, carry, inputs):
        return change(*plain.step(params, carry, inputs), inputs)

    return plain._replace(step=step, factors=None)


@flaw("carry", r"the carry is float32\[5\], not float64\[5\]")
def another_dtype():
    return with_step(lambda carry, outputs, _: (carry.astype(jnp.float32), outputs))


@flaw("carry", r"the carry is PyTreeDef\(\(\*, \*\)\), not PyTreeDef\(\*\)")
def another_structure():
    return with_step(lambda carry, outputs, _: ((carry, carry), outputs))


@flaw("carry", r"the initial carry has shape \(5,\) for a batch of \(3,\)")
def no_batch_in_the_carry():
    def initial_carry(params, batch_shape=()):
        return jnp.zeros(5, params["kernel"].dtype)

    return elman(5)._replace(initial_carry=initial_carry)


@flaw("dtypes", "the output is float32 for parameters of bfloat16")
def a_dtype_of_its_own():
    return with_step(lambda carry, outputs, _: (carry, outputs * jnp.ones(5, "f4")))


@flaw("batch", "the output of row 0 is .* off")
def mean_over_the_batch():
    return with_step(lambda carry, outputs, _: (carry, outputs - outputs.mean(0)))


@flaw("vmap", "the output is .* off")
def seen_by_vmap():
    return with_step(lambda carry, outputs, _: (carry, outputs * (outputs.ndim + 1)))


@flaw("padding", r"with NaN there the run\['gradient'\]\[1\] is nan off")
def a_norm_without_a_slope_at_zero():
    plain = elman(5)

    def step(params, carry, inputs):
        norm = jnp.linalg.norm(inputs @ params["kernel"], axis=-1, keepdims=True)
        carry, outputs = plain.step(params, carry, inputs)
        return carry, outputs * norm

    return plain._replace(step=step, factors=None)


@flaw("resets", "what follows.* off")
def another_start_every_time():
    rng = np.random.default_rng(0)

    def initial_carry(params, batch_shape=()):
        start = rng.normal(size=(*batch_shape, 5))
        return jnp.asarray(start, params["kernel"].dtype)

    return elman(5)._replace(initial_carry=initial_carry)


@flaw("gradients", "the derivative along a random direction is .* off")
def a_wrong_derivative():
    @jax.custom_jvp
    def square(x):
        return x**2

    square.defjvp(lambda x, dx: (square(*x), x[0] * dx[0]))
    return with_step(lambda carry, outputs, _: (carry, square(outputs)))


@flaw("factors", "what factors give.* off")
def factors_of_another_cell():
    return elman(5)._replace(factors=elman(5, activation="sin").factors)


@flaw("engines", r"under hoisted the run\['gradient'\]\[0\] is .* off")
def factors_known_to_one_engine():
    return factors_of_another_cell()


@flaw("factors", "cell.factors.recur must be affine in the carry")
def what_bends():
    plain = elman(5)

    def recur(params, carry):
        return plain.factors.recur(params, carry**2)

    factors = plain.factors._replace(recur=recur)

    def step(params, carry, inputs):
        return plain.step(params, carry**2, inputs)

    return plain._replace(step=step, factors=factors)


@flaw("chunks", "it raised KeyError: 'bias'")
def a_missing_parameter():
    plain = elman(5, use_bias=False)

    def step(params, carry, inputs):
        return plain.step(params, carry, inputs + params["bias"])

    return Cell(plain.init, plain.initial_carry, step)


@pytest.mark.parametrize("name", FLAWS)
def test_what_is_broken_is_named(name, monkeypatch):
    """The one contract alone is run: all of them take seconds a cell."""
    make, contract, problem = FLAWS[name]
    chosen = [entry for entry in contracts.CONTRACTS if entry[0] == contract]
    monkeypatch.setattr("rnnjax.checks.cell.CONTRACTS", chosen)
    report = check_cell(make())
    assert not report.ok
    start = re.escape(f"BROKEN  {contract}: {chosen[0][1]}, but ")
    assert re.fullmatch(rf"{start}.*{problem}.*\.", str(report))


def test_other_contracts_still_hold():
    report = check_cell(a_wrong_derivative())
    broken = [finding.name for finding in report.findings if finding.problem]
    assert broken == ["gradients"]
    assert "holds   padding: nothing in masked steps is seen." in str(report)


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        (gru(5, reset_after=False), {}),
        (user_cells.reading_tokens(5), {"input_size": 11}),
        (user_cells.convolving(5), {"input_size": (4, 3)}),
        (
            user_cells.counting(5),
            {"draw_inputs": lambda rng, leading: draw_tree(rng, leading, 3)},
        ),
    ],
)
def test_a_good_cell_passes(cell, options):
    report = check_cell(cell, **options)
    assert report.ok, str(report)


def test_it_leaves_precision_as_it_was():
    check_cell(elman(5))
    params = elman(5).init(jax.random.key(0), 3)
    _, outputs = unroll(elman(5), params, np.ones((2, 3), np.float32))
    assert outputs.dtype == jnp.float32
