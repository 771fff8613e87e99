"""What is timed, and how: contenders that take turns."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

Contender = Callable[[], Any]


class Disagreement(Exception):
    """A contender computes something different from the library."""


class Case(NamedTuple):
    """One comparison.

    Attributes:
      name: names it in the results.
      make: `() -> contenders` by name, the library's own first. Each waits for its
        result and returns it.
      goal: the least ratio of the time of a contender to the library's, by name.
      tolerance: how far the results may differ, as `max|a - b| <= tolerance * max(1,
        max|b|)` leaf by leaf; None if they are not to be compared.
    """

    name: str
    make: Callable[[], dict[str, Contender]]
    goal: Mapping[str, float]
    tolerance: float | None = None


class Ratio(NamedTuple):
    """How long a contender takes, relative to the library.

    Attributes:
      median: of the ratios of the turns.
      quartiles: the first and the third.
      seconds: median time of the contender.
    """

    median: float
    quartiles: tuple[float, float]
    seconds: float


def measure(case: Case, num_turns: int) -> dict[str, Ratio]:
    """Compares the results of all contenders, then times them in turns.

    The contenders run one after the other, each turn beginning with another one, and
    only times of the same turn are compared: what else the machine does meanwhile
    affects all of them alike.

    Args:
      case: the case.
      num_turns: number of turns, after the one that compiles.

    Returns:
      The ratios by contender, that of the library (1) first.

    Raises:
      Disagreement: if a result differs from the library's.
    """
    contenders = case.make()
    names = list(contenders)
    results = {name: contenders[name]() for name in names}
    if case.tolerance is not None:
        for name in names[1:]:
            _compare(name, results[name], results[names[0]], case.tolerance)
    del results
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(num_turns):
        for offset in range(len(names)):
            name = names[(turn + offset) % len(names)]
            start = time.perf_counter()
            contenders[name]()
            times[name].append(time.perf_counter() - start)
    return {name: _ratio(times[name], times[names[0]]) for name in names}


def _ratio(theirs: list[float], ours: list[float]) -> Ratio:
    ratios = np.divide(theirs, ours)
    first, third = np.quantile(ratios, [0.25, 0.75])
    return Ratio(
        float(np.median(ratios)),
        (float(first), float(third)),
        statistics.median(theirs),
    )


def _compare(name: str, theirs: Any, ours: Any, tolerance: float) -> None:
    pairs = zip(jax.tree.leaves(theirs), jax.tree.leaves(ours), strict=True)
    for their_leaf, our_leaf in pairs:
        got, want = np.asarray(their_leaf), np.asarray(our_leaf)
        if got.shape != want.shape:
            raise Disagreement(f"{name} returns {got.shape}, not {want.shape}.")
        error = np.max(np.abs(got - want), initial=0)
        if not error <= tolerance * max(1, np.max(np.abs(want), initial=0)):
            raise Disagreement(f"{name} differs by {error:.2g} from the library.")
