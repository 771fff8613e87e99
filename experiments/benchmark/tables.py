"""Tables of ratios of the measured times."""

import dataclasses
import io
import math
import operator
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import rich.box
from rich.console import Console
from rich.table import Table

from experiments.benchmark.contenders import CONTENDERS
from experiments.benchmark.work import ALLOCATORS, Case, num_flops

Measured = Mapping[Case, Mapping[str, Mapping[str, Any]]]
TITLES = {
    "forward": "forward",
    "gradient": "forward and backward",
    "train": "training step",
    "lengths": "forward and backward, by length",
    "share": "forward and backward",
    "long": "forward and backward of long sequences",
    "vmap": "forward and backward, batched and mapped",
}


def geometric_mean(values: Sequence[float]) -> float | None:
    """Returns the geometric mean; None if there are no values."""
    positive = [value for value in values if value > 0]
    return statistics.geometric_mean(positive) if positive else None


def ratios(
    cases: Sequence[Case], measured: Measured, name: str, reference: str, metric: str
) -> list[float | None]:
    """Divides a contender's numbers by the reference's.

    Args:
      cases: the cases.
      measured: what was measured in them.
      name: a contender.
      reference: another.
      metric: `median_seconds`, `compile_seconds`, `temp_bytes` or `peak_bytes`.

    Returns:
      The ratio of each case; None where one of the two has no number.
    """
    found = []
    for case in cases:
        ours = measured[case].get(name, {}).get(metric)
        base = measured[case].get(reference, {}).get(metric)
        found.append(ours / base if ours is not None and base else None)
    return found


def with_best(measured: Measured, reference: str) -> Measured:
    """Adds rows with the fastest of several contenders in each case.

    Args:
      measured: what was measured.
      reference: the contender that the others are compared with.

    Returns:
      The same with `fastest JAX library`, and with `best placement`: the reference on
      one device or on one per core.
    """
    sharded = f"{reference}_sharded"
    placed = {_table(case) for case, found in measured.items() if sharded in found}
    added = {}
    for case, found in measured.items():
        groups = {
            "fastest JAX library": [n for n in found if CONTENDERS[n].is_peer],
            "best placement": [reference, sharded] if _table(case) in placed else [],
        }
        best = {}
        for label, names in groups.items():
            times = [found[n]["median_seconds"] for n in names if n in found]
            if times:
                best[label] = {"median_seconds": min(times)}
        added[case] = {**found, **best}
    return added


def summarize(measured: Measured, reference: str) -> dict[str, dict[str, Any]]:
    """Computes the geometric means over the shapes, for the results.

    Args:
      measured: what was measured.
      reference: the contender that the others are compared with.

    Returns:
      By table and row: the mean ratios of time, temporary memory and compile time.
    """
    whole = with_best(measured, reference)
    summary: dict[str, dict[str, Any]] = {}
    for title, cases in by_table(measured).items():
        for name in rows_of(cases, whole):
            summary.setdefault(title, {})[name] = {
                metric: _mean(ratios(cases, whole, name, reference, metric))
                for metric in ("median_seconds", "temp_bytes", "compile_seconds")
            }
    return summary


def by_table(measured: Measured) -> dict[str, list[Case]]:
    """Groups cases by the titles of their tables."""
    tables: dict[str, list[Case]] = {}
    for case in measured:
        if case.work != "product":
            tables.setdefault(_table(case), []).append(case)
    return tables


def rows_of(cases: Sequence[Case], measured: Measured) -> list[str]:
    """Returns the contenders of any of the cases, in order."""
    return list(dict.fromkeys(name for case in cases for name in measured[case]))


def ratio_table(cases: Sequence[Case], measured: Measured, reference: str) -> Table:
    """Makes the table of one work and one cell.

    Args:
      cases: a column each.
      measured: what was measured; see `with_best`.
      reference: the contender whose time is 1.

    Returns:
      The table; `spread` is the largest distance between quartiles, in percent of the
      median.
    """
    table = Table(box=rich.box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("B\nT\nD = H")
    for case in cases:
        table.add_column("\n".join(map(str, case.shape)), justify="right")
    for heading in ("mean", "temp.\nmemory", "compile\ntime", "peak\nMiB"):
        table.add_column(heading, justify="right", vertical="bottom")
    for name in rows_of(cases, measured):
        time, temp, compiling = (
            ratios(cases, measured, name, reference, metric)
            for metric in ("median_seconds", "temp_bytes", "compile_seconds")
        )
        peaks = [measured[case].get(name, {}).get("peak_bytes") for case in cases]
        peak = max((p for p in peaks if p), default=None)
        means = [_mean(time), _mean(temp), _mean(compiling)]
        mebibytes = "" if peak is None else f"{peak / 2**20:.0f}"
        table.add_row(name, *map(_short, [*time, *means]), mebibytes)
    table.add_section()
    times = [measured[case].get(reference, {}).get("median_seconds") for case in cases]
    milliseconds = [None if t is None else 1e3 * t for t in times]
    table.add_row(f"{reference}, ms", *map(_short, milliseconds))
    table.add_row("spread, %", *(f"{_spread(measured[case]):.0f}" for case in cases))
    return table


def share_lines(measured: Measured) -> list[str]:
    """Describes how close each contender comes to the rate of a large matrix product.

    The rate is the best of all contenders.
    """
    lines = []
    for product in [case for case in measured if case.work == "product"]:
        times = {n: f["median_seconds"] for n, f in measured[product].items()}
        rates = {name: num_flops(product) / time for name, time in times.items()}
        best = max(rates.values())
        all_rates = ", ".join(f"{name} {r / 1e9:.0f}" for name, r in rates.items())
        place = f"{product.cores}, {ALLOCATORS[product.allocator]}"
        lines.append(f"large product, GFLOP/s on {place}: {all_rates}")
        for case in measured:
            alike = case.group == "share" and _place(case) == _place(product)
            if alike and case is not product:
                for name, found in measured[case].items():
                    share = num_flops(case) / found["median_seconds"] / best
                    lines.append(f"  share of the best rate, {name}: {share:.0%}")
    return lines


def allocator_lines(measured: Measured) -> list[str]:
    """Describes how much faster each contender is when freed memory is kept.

    Cases that were measured with both allocators are compared.
    """
    speedups: dict[str, list[float]] = {}
    by_name = {case.name: found for case, found in measured.items()}
    for case, found in measured.items():
        kept = by_name.get(dataclasses.replace(case, allocator="kept").name)
        if case.allocator == "default" and kept is not None:
            for name in found.keys() & kept.keys():
                times = (entry[name]["median_seconds"] for entry in (found, kept))
                speedups.setdefault(name, []).append(operator.truediv(*times))
    if not speedups:
        return []
    means = [
        f"  {name}: {geometric_mean(speedups[name]):.2f}"
        for name in rows_of(list(measured), measured)
        if name in speedups
    ]
    return ["speed with freed memory kept, relative to the default allocator:", *means]


def to_text(table: Table) -> str:
    """Renders a table, as wide as it needs to be."""
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    return "\n".join(line.rstrip() for line in text.splitlines())


def _table(case):
    """Returns the title of the table that a case belongs to."""
    cell = "Elman" if case.cell == "elman" else case.cell.upper()
    return f"{cell}, {TITLES[case.group]}, {case.cores}, {ALLOCATORS[case.allocator]}"


def _place(case):
    return case.num_cores, case.allocator


def _mean(values):
    return geometric_mean([value for value in values if value is not None])


def _short(value):
    """Formats three digits."""
    if value is None:
        return ""
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{min(digits, 3)}f}"


def _spread(found):
    """Returns the largest distance between quartiles, in percent of the median."""
    return 100 * max(
        (entry["quartiles"][1] - entry["quartiles"][0]) / entry["median_seconds"]
        for entry in found.values()
        if "quartiles" in entry
    )
