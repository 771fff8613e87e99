"""Checks of a cell against all contracts."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from rnnjax.base import Cell
from rnnjax.checks import contracts
from rnnjax.checks.compare import steps
from rnnjax.checks.runs import run_with_gradients
from rnnjax.checks.subject import BATCH_SIZE, Subject
from rnnjax.engines.scan import scan


class Finding(NamedTuple):
    """The result of one check.

    Attributes:
      name: of the contract.
      promise: what the contract requires.
      problem: what is wrong and where; None if the contract holds.
    """

    name: str
    promise: str
    problem: str | None

    def __str__(self) -> str:
        """Describes in one line whether the contract holds."""
        if self.problem is None:
            return f"holds   {self.name}: {self.promise}."
        return f"BROKEN  {self.name}: {self.promise}, but {self.problem}."


class CellReport(NamedTuple):
    """The results of `check_cell`, to be printed.

    Attributes:
      findings: one per contract.
    """

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every contract holds."""
        return all(finding.problem is None for finding in self.findings)

    def __str__(self) -> str:
        """Lists the findings, one per line."""
        return "\n".join(map(str, self.findings))


def check_cell(
    cell: Cell,
    input_size: Any = 3,
    *,
    draw_inputs: Callable[[np.random.Generator, tuple[int, ...]], Any] | None = None,
    seed: int = 0,
) -> CellReport:
    """Checks a cell against the contracts and reports what holds and what does not.

    Checked in float64 on random values: the structure of the carry and dtypes; batches,
    padding, resets, chunks, `vmap` and the engines against a plain loop over each
    sequence; gradients against finite differences; factors against the step. A check
    that raises is reported as broken.

    Args:
      cell: the cell.
      input_size: what `cell.init` takes: the number of features, or of tokens for an
        `input_ndim` of 0, or a tuple of sizes.
      draw_inputs: `(rng, leading_shape) -> inputs [*leading_shape, ...]` in NumPy, for
        inputs that are not one array of `input_size`; None: normal numbers, or tokens.
      seed: seed of all random numbers.

    Returns:
      The report, for `print(report)` or `assert report.ok`.

    Example:
      >>> report = check_cell(rnnjax.lstm(4))
      >>> print(report.findings[0])
      holds   carry: a step keeps the carry's structure, shapes and dtypes.
      >>> report.ok
      True
    """
    with jax.enable_x64(True):
        subject = Subject(cell, input_size, draw_inputs, seed)
        return CellReport(
            tuple(
                Finding(name, promise, _problem(check, subject))
                for name, promise, check in CONTRACTS
            )
        )


def _problem(check, subject):
    try:
        return check(subject)
    except Exception as error:  # any error of a user's cell is a finding
        return f"it raised {type(error).__name__}: {str(error).splitlines()[0]}"


def _carry(own):
    one_step = steps(own.inputs, (0, 0))
    return contracts.carry(own.cell, own.params, one_step, BATCH_SIZE)


def _dtypes(own):
    run = functools.partial(run_with_gradients, own.cell, scan, False)
    return contracts.dtypes(run, own.arguments)


def _batch(own):
    return contracts.equal_to_loop(own.run, own.cell, own.with_marks())


def _vmap(own):
    return contracts.vmap(own.run_under_vmap, own.cell, own.arguments)


def _padding(own):
    return (
        contracts.padding(own.run, own.arguments)
        or contracts.empty_sequence(own.run, own.arguments)
        or contracts.equal_to_loop(own.run, own.cell, own.with_marks("mask"))
    )


def _resets(own):
    return contracts.resets(own.run, own.arguments) or contracts.equal_to_loop(
        own.run, own.cell, own.with_marks("is_first")
    )


def _chunks(own):
    return contracts.chunks(own.run, own.cell, own.two_chunks)


def _gradients(own):
    return contracts.gradients(own.run, own.arguments)


def _factors(own):
    one_step = steps(own.inputs, 0)
    return contracts.factors(own.cell, own.params, own.arguments.carry, one_step)


def _engines(own):
    problem = contracts.equal_to_loop(own.run_hoisted, own.cell, own.arguments)
    return problem and f"under hoisted {problem}"


CONTRACTS = (
    ("carry", "a step keeps the carry's structure, shapes and dtypes", _carry),
    ("dtypes", "the parameters' dtype decides all others", _dtypes),
    ("batch", "a row of a batch gives what a loop over its steps gives", _batch),
    ("vmap", "`jax.vmap` gives what a batch gives", _vmap),
    ("padding", "nothing in masked steps is seen", _padding),
    ("resets", "from `is_first` on it is a new sequence", _resets),
    ("chunks", "chunks with the carry handed on give the whole", _chunks),
    ("gradients", "derivatives equal finite differences", _gradients),
    ("factors", "they give the step, and `recur` is affine", _factors),
    ("engines", "`hoisted` gives values and gradients of the loop", _engines),
)
