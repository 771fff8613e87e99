"""Recordings of several channels: the .ts files of labelled series, and ARFF tables."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.data.lookup import AnyPath
from experiments.data.tables import Table
from experiments.data.text import read_text, split_lines
from experiments.harness.errors import BadInput


class LabelledSeries(NamedTuple):
    """A series and its class.

    Attributes:
      values: `[num_steps, num_channels]` float64.
      label: the class.
      line: the line of the file that it stands on, from 1.
    """

    values: np.ndarray
    label: str
    line: int


def read_ts(path: str | AnyPath) -> list[LabelledSeries]:
    """Reads the series of a .ts file, of equal or unequal lengths.

    Lines that begin with `#` are comments, those with `@` declare what follows. After
    `@data` every line is a series: its channels, separated by colons, each of numbers
    separated by commas, and then its class.

    Args:
      path: the file; decompressed if its name ends in `.gz`.

    Returns:
      The series.

    Raises:
      BadInput: if a channel has another number of steps than the first, a series
        another number of channels, a value is missing or not a finite number, a class
        is not in `@classLabel`, the steps have times of their own, or there is no
        series.

    References:
      Bagnall et al., "The UEA multivariate time series classification archive", 2018.
    """
    header, rows = _split_header(path, "#")
    classes = header.get("classlabel", "").split()[1:]
    if header.get("timestamps", "false").lower() != "false":
        raise BadInput("the steps must not have times of their own.", path)
    found: list[LabelledSeries] = []
    for line, text in rows:
        *channels, label = text.split(":")
        label = label.strip()
        if not channels or label not in classes:
            known = ", ".join(classes) or "none"
            message = f"a series must end with a class of {known}, got {label[:40]!r}."
            raise BadInput(message, path, line)
        values = [_numbers(channel.split(","), path, line) for channel in channels]
        lengths = {len(channel) for channel in values}
        if len(lengths) > 1:
            raise BadInput(
                "the channels of a series must have as many steps as its first, "
                f"{len(values[0])}, got {max(lengths - {len(values[0])})}.",
                path,
                line,
            )
        if found and len(values) != found[0].values.shape[1]:
            raise BadInput(
                f"a series must have {found[0].values.shape[1]} channels, as the "
                f"first, got {len(values)}.",
                path,
                line,
            )
        found.append(LabelledSeries(np.stack(values, axis=1), label, line))
    if not found:
        raise BadInput("the file must hold a series after @data, got none.", path)
    return found


def read_arff(path: str | AnyPath) -> Table:
    """Reads the table of an ARFF file, without sparse rows.

    Args:
      path: the file; decompressed if its name ends in `.gz`.

    Returns:
      The table, with a column per `@attribute`.

    Raises:
      BadInput: if two columns have one name, a row has another number of values than
        there are columns, or there is none.

    References:
      Witten, Frank and Hall, "Data Mining", 2011, section 2.4.
    """
    header, rows = _split_header(path, "%")
    names = header.get("attribute", "").split("\n")
    if len(set(names)) < len(names) or not all(names):
        raise BadInput("the columns must be named, and named differently.", path)
    lines, values = [], []
    for line, text in rows:
        row = [value.strip() for value in text.split(",")]
        if len(row) != len(names):
            raise BadInput(
                f"a row must have {len(names)} values, one per column, got {len(row)}.",
                path,
                line,
            )
        lines.append(line)
        values.append(row)
    if not values:
        raise BadInput("the file must hold a row after @data, got none.", path)
    columns = {name: list(column) for name, column in zip(names, zip(*values))}
    return Table(columns, lines, Path(str(path)))


def _split_header(path, comment: str) -> tuple[dict[str, str], Iterator]:
    """Splits a file at `@data` into what is declared and its numbered lines after it.

    The names of all attributes are one value, a line each.
    """
    header: dict[str, str] = {}
    lines = enumerate((line.strip() for line in split_lines(read_text(path))), 1)
    lines = ((line, text) for line, text in lines if text and text[0] != comment)
    for line, text in lines:
        keyword, value = (*text.split(None, 1), "")[:2]
        keyword = keyword.lower()
        if keyword == "@data":
            return header, lines
        if keyword[0] != "@":
            raise BadInput(
                f"a line before @data must begin with @, got {text[:40]!r}.", path, line
            )
        if keyword == "@attribute":
            names = header.get("attribute")
            quoted = re.match(r"""'(.*?)'|"(.*?)"|(\S+)""", value)
            name = "".join(filter(None, quoted.groups())) if quoted else ""
            value = name if names is None else f"{names}\n{name}"
        header[keyword[1:]] = value
    raise BadInput("the file must have a line @data, got none.", path)


def _numbers(fields: list[str], path, line: int) -> np.ndarray:
    try:
        numbers = np.asarray([float(field) for field in fields])
    except ValueError as error:
        raise BadInput(f"a series must be of numbers: {error}.", path, line) from None
    if not np.isfinite(numbers).all():
        raise BadInput("a series must be of finite numbers.", path, line)
    return numbers
