"""Checks of a cell against all contracts."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from rnnjax.base import Cell
from rnnjax.checks.compare import is_floating
from rnnjax.checks.contracts import BATCH_SIZE, CONTRACTS, NUM_STEPS, Subject


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

    Checked in float64 on random values: the structure of the carry, batches, dtypes,
    padding, resets, chunks, `vmap`, gradients against finite differences, factors
    against the step, and `hoisted` against `scan`. A check that raises is reported as
    broken.

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
      >>> print(check_cell(rnnjax.lstm(4)).findings[0])
      holds   carry: a step keeps the carry's structure, shapes and dtypes.
      >>> check_cell(rnnjax.lstm(4)).ok
      True
    """
    rng = np.random.default_rng(seed)
    leading = NUM_STEPS, BATCH_SIZE
    if draw_inputs is not None:
        inputs = draw_inputs(rng, leading)
    elif cell.input_ndim == 0:
        inputs = rng.integers(input_size, size=leading)
    else:
        sizes = input_size if isinstance(input_size, tuple) else (input_size,)
        inputs = rng.normal(size=(*leading, *sizes))
    with jax.enable_x64(True):
        params = jax.jit(lambda key: cell.init(key, input_size))(jax.random.key(seed))
        subject = Subject(
            cell,
            jax.tree.map(lambda x: _moved(rng, x), params),
            inputs,
            rng.random(leading) < 0.7,
            rng.random(leading) < 0.3,
        )
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


def _moved(rng, x):
    """Returns `x` in float64, moved a little, so that zero biases matter too."""
    x = np.asarray(x)
    if not is_floating(x):
        return x
    return np.float64(x) + 0.1 * rng.normal(size=x.shape)
