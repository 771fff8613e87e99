"""The checks of a user's own cell: each contract, broken once, is named."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import Cell, check_cell, elman, gru
from rnnjax.checks.cell import CONTRACTS
from rnnjax.unroll import unroll
from tests import user_cells
from tests.cases import draw_tree

PLAIN = elman(5)


def with_step(change):
    """An Elman cell whose step goes through `change`, without factors."""

    def step(params, carry, inputs):
        return change(*PLAIN.step(params, carry, inputs), inputs)

    return PLAIN._replace(step=step, factors=None)


def with_start(draw):
    """An Elman cell that begins with `draw(batch_shape)`."""

    def initial_carry(params, batch_shape=()):
        return jnp.asarray(draw(batch_shape), params["kernel"].dtype)

    return PLAIN._replace(initial_carry=initial_carry)


def norm_without_a_slope_at_zero(params, carry, inputs):
    norm = jnp.linalg.norm(inputs @ params["kernel"], axis=-1, keepdims=True)
    carry, outputs = PLAIN.step(params, carry, inputs)
    return carry, outputs * norm


@jax.custom_jvp
def wrong_square(x):
    return x**2


wrong_square.defjvp(lambda x, dx: (wrong_square(*x), x[0] * dx[0]))
WRONG_DERIVATIVE = with_step(lambda carry, outputs, _: (carry, wrong_square(outputs)))
BENT = PLAIN._replace(
    step=lambda params, carry, inputs: PLAIN.step(params, carry**2, inputs),
    factors=PLAIN.factors._replace(
        recur=lambda params, carry: PLAIN.factors.recur(params, carry**2)
    ),
)
FACTORS_OF_ANOTHER_CELL = PLAIN._replace(factors=elman(5, activation="sin").factors)
RNG = np.random.default_rng(0)


def needs_a_bias(params, carry, inputs):
    return PLAIN.step(params, carry, inputs + params["bias"])


# what is wrong: the cell, the contract it breaks, and what is said of it
FLAWS = {
    "another dtype": (
        with_step(lambda carry, outputs, _: (carry.astype(jnp.float32), outputs)),
        "carry",
        r"the carry is float32\[5\], not float64\[5\]",
    ),
    "another structure": (
        with_step(lambda carry, outputs, _: ((carry, carry), outputs)),
        "carry",
        r"the carry is PyTreeDef\(\(\*, \*\)\), not PyTreeDef\(\*\)",
    ),
    "no batch in the carry": (
        with_start(lambda batch_shape: np.zeros(5)),
        "carry",
        r"the initial carry has shape \(5,\) for a batch of \(3,\)",
    ),
    "a start that depends on the batch": (
        with_start(lambda shape: np.full((*shape, 5), len(shape))),
        "carry",
        "the initial carry has other bits, 1 off",
    ),
    "a dtype of its own": (
        with_step(lambda carry, outputs, _: (carry, outputs * jnp.ones(5, "f4"))),
        "dtypes",
        "the run.outputs is float32 for parameters of bfloat16",
    ),
    "mean over the batch": (
        with_step(lambda carry, outputs, _: (carry, outputs - outputs.mean(0))),
        "batch",
        "the run.outputs is .* off",
    ),
    "seen by vmap": (
        with_step(lambda carry, outputs, _: (carry, outputs * (outputs.ndim + 1))),
        "batch",
        "the run.outputs is .* off",
    ),
    "a norm without a slope at zero": (
        PLAIN._replace(step=norm_without_a_slope_at_zero, factors=None),
        "padding",
        r"the run.grads\[0\]\[1\] is not finite",
    ),
    "another start every time": (
        with_start(lambda batch_shape: RNG.normal(size=(*batch_shape, 5))),
        "resets",
        "the run.* off",
    ),
    "a wrong derivative": (
        WRONG_DERIVATIVE,
        "gradients",
        "the derivative along a random direction is .* off",
    ),
    "factors of another cell": (
        FACTORS_OF_ANOTHER_CELL,
        "factors",
        "what factors give.* off",
    ),
    "factors known to one engine": (
        FACTORS_OF_ANOTHER_CELL,
        "engines",
        "under hoisted the run.* off",
    ),
    "what bends": (BENT, "factors", "cell.factors.recur must be affine in the carry"),
    "a missing parameter": (
        Cell(elman(5, use_bias=False).init, PLAIN.initial_carry, needs_a_bias),
        "chunks",
        "it raised KeyError: 'bias'",
    ),
}


@pytest.mark.parametrize(("cell", "contract", "problem"), FLAWS.values(), ids=FLAWS)
def test_what_is_broken_is_named(cell, contract, problem, monkeypatch):
    """The one contract alone is run: all of them take seconds a cell."""
    chosen = [entry for entry in CONTRACTS if entry[0] == contract]
    monkeypatch.setattr("rnnjax.checks.cell.CONTRACTS", chosen)
    report = check_cell(cell)
    assert not report.ok
    start = re.escape(f"BROKEN  {contract}: {chosen[0][1]}, but ")
    assert re.fullmatch(rf"{start}.*{problem}.*\.", str(report))


def test_other_contracts_still_hold():
    report = check_cell(WRONG_DERIVATIVE)
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


def test_it_leaves_precision_as_it_was(monkeypatch):
    monkeypatch.setattr("rnnjax.checks.cell.CONTRACTS", CONTRACTS[:1])
    assert check_cell(PLAIN).ok
    _, outputs = unroll(
        PLAIN, PLAIN.init(jax.random.key(0), 3), np.ones((2, 3), np.float32)
    )
    assert outputs.dtype == jnp.float32
