"""Tables: CSV files with a header, columns of numbers, and columns of times."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments.data.lookup import AnyPath
from experiments.data.text import read_text
from experiments.harness.errors import BadInput

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "?"})
SEPARATORS = ",;\t"
Fill = Literal["previous", "zero"]


class Table(NamedTuple):
    """The rows of a table.

    Attributes:
      columns: the values of each column, by its name.
      lines: the line of the file that each row ends on, from 1.
      path: the file.
    """

    columns: dict[str, list[str]]
    lines: list[int]
    path: AnyPath

    def column(self, name: str) -> list[str]:
        """Returns the values of a column.

        Raises:
          BadInput: if there is no such column; says which there are.
        """
        if name not in self.columns:
            raise BadInput(
                f"the columns must include {name!r}, got {', '.join(self.columns)}.",
                self.path,
                1,
            )
        return self.columns[name]


def read_table(
    path: str | AnyPath,
    encoding: str = "utf-8",
    *,
    names: Sequence[str] | None = None,
) -> Table:
    """Reads a table whose first line names its columns.

    Columns are separated by commas, semicolons or tabs, whichever the first line has
    most of. Values may be quoted; blank lines are skipped.

    Args:
      path: the file; decompressed if its name ends in `.gz`.
      encoding: its encoding.
      names: the names of the columns, for a file whose first line is a row.

    Returns:
      The table.

    Raises:
      BadInput: if two columns have one name, a row has another number of values than
        there are columns, a quotation is not closed, or there is no row.
    """
    text = read_text(path, encoding)
    header = text.split("\n", 1)[0]
    separator = max(SEPARATORS, key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    names = [] if names is None else list(names)
    values: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in rows:
            if not row:
                continue
            if not names:
                names = [name.strip() for name in row]
                continue
            if len(row) != len(names):
                raise BadInput(
                    f"a row must have {len(names)} values, one per column, "
                    f"got {len(row)}.",
                    path,
                    rows.line_num,
                )
            values.append(row)
            lines.append(rows.line_num)
    except csv.Error as error:
        message = f"the row cannot be split into values: {error}."
        raise BadInput(message, path, rows.line_num) from None
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"the columns must differ, got {twice!r} twice.", path, 1)
    if not values:
        raise BadInput("the table must hold a row below its header, got none.", path)
    columns = {name: list(column) for name, column in zip(names, zip(*values))}
    return Table(columns, lines, Path(path) if isinstance(path, str) else path)


def numbers(table: Table, name: str, fill: Fill | None = None) -> np.ndarray:
    """Returns a column of numbers.

    Args:
      table: the table.
      name: the column.
      fill: what stands for a missing value (empty, NA, NaN, null or ?): the `previous`
        one, or `zero`; nothing later is looked at. None: there must not be any.

    Returns:
      `[num_rows]` float64, all finite.

    Raises:
      BadInput: if there is no such column, a value is not a finite number, or it is
        missing and `fill` is None, or `previous` in the first row.
    """
    found = []
    for line, text in zip(table.lines, table.column(name)):
        text = text.strip()
        if text not in MISSING:
            found.append(_number(text, name, table.path, line))
        elif fill == "zero":
            found.append(0.0)
        elif fill == "previous" and found:
            found.append(found[-1])
        else:
            before = "" if fill is None else " in the first row"
            raise BadInput(
                f"column {name!r} has a missing value{before}: {text!r}; --fill says "
                "what stands for it.",
                table.path,
                line,
            )
    return np.asarray(found)


def times(table: Table, names: Sequence[str]) -> np.ndarray:
    """Returns the time of every row.

    Args:
      table: the table.
      names: one column of dates as ISO 8601 writes them, such as `2016-07-01 13:00`
        or `1949-01`; or several of whole numbers: year, month, day, hour, ..., in this
        order.

    Returns:
      `[num_rows]` datetime64, strictly increasing.

    Raises:
      BadInput: if there is no such column, a value is no time, or a time is not later
        than that of the row before.
    """
    columns = [table.column(name) for name in names]
    found = []
    for line, *parts in zip(table.lines, *columns):
        text = parts[0].strip() if len(parts) == 1 else _join(parts)
        try:
            time = np.datetime64(text, "s")
        except ValueError:
            time = np.datetime64("NaT")
        if np.isnat(time):
            raise BadInput(
                f"{', '.join(names)} must be a time such as 2016-07-01 13:00, "
                f"got {text!r}.",
                table.path,
                line,
            )
        if found and time <= found[-1]:
            wrong = "the same as" if time == found[-1] else "before"
            raise BadInput(
                f"times must increase, got {time}, {wrong} that of the row before, "
                f"{found[-1]}.",
                table.path,
                line,
            )
        found.append(time)
    return np.asarray(found)


def _number(text: str, name: str, path: AnyPath, line: int) -> float:
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        message = f"column {name!r} must hold finite numbers, got {text!r}."
        raise BadInput(message, path, line)
    return number


def _join(parts: Sequence[str]) -> str:
    """Joins year, month, day, hour, minute and second as ISO 8601 has them."""
    parts = [part.strip().zfill(2) for part in parts]
    day, clock = "-".join(parts[:3]), ":".join([*parts[3:], "00"])
    return f"{day}T{clock}" if len(parts) > 3 else day
