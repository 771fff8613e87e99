"""Series from the user's files: a folder of WAV or CSV files per class, or one CSV."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.data.audio import log_mel, read_wav
from experiments.data.splits import Part, part_of_line, split_by_place
from experiments.data.tables import Table, numbers, read_table
from experiments.harness import BadInput
from experiments.series_classification.series import (
    Parts,
    Series,
    SeriesFlags,
    Source,
    cut_windows,
)

KINDS: dict[str, Source] = {".wav": "audio", ".csv": "table"}


class Found(NamedTuple):
    """What a folder or a file holds.

    Attributes:
      series: the series; a recording with a label per step is cut into its pieces.
      keys: what the checksum that splits them is of, of each series.
      channels: the names of the channels.
      source: audio or table.
      digest: SHA-256 of the content.
    """

    series: list[Series]
    keys: list[str]
    channels: tuple[str, ...]
    source: Source
    digest: str


def read_own(flags: SeriesFlags, path: Path) -> Parts:
    """Reads the user's series.

    Without files to validate on, whole series are split 80/10/10 by a checksum: of the
    content of their files, or of what they are called in `series_column`. A recording
    with a label per step is split by time.

    Raises:
      BadInput: if a file cannot be read, or a part would be empty.
    """
    by_step = flags.label_column is not None and flags.series_column is None
    given = (path, flags.validation_path, flags.test_path)
    paths = [one for one in given if one is not None]
    found = [_read(flags, one) for one in paths]
    for one, place in zip(found, paths):
        if one.channels != found[0].channels:
            _refuse_channels(one.channels, found[0].channels, path, place)
    parts: dict[Part, list[Series]] = {"train": [], "validation": [], "test": []}
    if len(found) > 1:
        parts |= {name: one.series for name, one in zip(parts, found)}
    elif by_step:
        pieces = found[0].series
        try:
            parts |= dict(zip(parts, split_by_place(pieces)))
        except ValueError:
            message = f"there are too few pieces of {flags.window} steps to be split,"
            raise BadInput(f"{message} got {len(pieces)}.", path) from None
    else:
        for one, key in zip(found[0].series, found[0].keys):
            parts[part_of_line(key)].append(one)
        for name, part in parts.items():
            if not part:
                raise BadInput(f"there are too few series: none is for {name}.", path)
    digests = {str(place): one.digest for place, one in zip(paths, found)}
    rest = found[0].channels, found[0].source, by_step, digests
    return Parts(parts["train"], parts["validation"], parts["test"], *rest)


def read_file(
    path: Path, flags: SeriesFlags
) -> tuple[np.ndarray, tuple[str, ...], Source]:
    """Reads one series from a WAV file, as log-mel frames, or a CSV file of numbers.

    Args:
      path: the file.
      flags: how to read audio and tables.

    Returns:
      Its values `[length, num_channels]`, the names of the channels, and the kind.

    Raises:
      BadInput: if the file cannot be read.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise BadInput(f"a file must end in .wav or .csv, got {path.name}.", path)
    if kind == "audio":
        samples = read_wav(path, flags.sample_rate)
        return audio_frames(samples, flags), mel_names(flags), kind
    table = read_table(path, flags.encoding)
    names = tuple(table.columns)
    return table_values(table, names, flags), names, kind


def table_values(table: Table, names: Sequence[str], flags: SeriesFlags) -> np.ndarray:
    """Returns columns of numbers, `[num_rows, num_columns]` float32.

    Args:
      table: the table.
      names: the columns.
      flags: what stands for missing values.

    Returns:
      The values.

    Raises:
      BadInput: if a column is missing, or a value is missing, no number or too large.
    """
    columns = [numbers(table, name, flags.fill) for name in names]
    values = np.stack(columns, axis=1)
    largest = np.finfo(np.float32).max
    for row, line in zip(np.abs(values), table.lines):
        if row.max() > largest:
            message = f"a value must be at most {largest:.3g} in size, got {row.max()}."
            raise BadInput(message, table.path, line)
    return values.astype(np.float32)


def audio_frames(samples: np.ndarray, flags: SeriesFlags) -> np.ndarray:
    """Returns the log-mel frames of a sound of `sample_rate` samples per second."""
    return log_mel(
        samples,
        flags.sample_rate,
        num_mels=flags.num_mels,
        hop_seconds=flags.hop_seconds,
    )


def mel_names(flags: SeriesFlags) -> tuple[str, ...]:
    """Returns the names of the channels of `audio_frames`."""
    return tuple(f"mel {i}" for i in range(flags.num_mels))


def read_folder(flags: SeriesFlags, path: Path) -> Found:
    """Reads a folder that holds a folder of WAV or CSV files per class.

    Files and folders whose names begin with a dot are not looked at.

    Raises:
      BadInput: if there is no class, one without a file, a file of another kind or with
        other columns than the first, or a file that cannot be read.
    """
    classes = [one for one in _visible(path) if one.is_dir()]
    if not classes:
        raise BadInput("the folder must hold a folder per class, got none.", path)
    series, keys, first = [], [], None
    digest = hashlib.sha256()
    for folder in classes:
        files = _visible(folder)
        if not files:
            message = f"the class {folder.name!r} must have a file, got none."
            raise BadInput(message, folder)
        for file in files:
            values, channels, kind = read_file(file, flags)
            if first is None:
                first = file, channels, kind
            if kind != first[2]:
                raise BadInput(
                    f"all files must be of one kind, as {first[0]}, got {file.name}.",
                    file,
                )
            if channels != first[1]:
                _refuse_channels(channels, first[1], first[0], file)
            own = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{folder.name}/{file.name} {own}\n".encode())
            name = f"{folder.name}/{file.name}"
            series.append(Series(values, (folder.name,), name))
            keys.append(own)
    assert first is not None
    return Found(series, keys, *first[1:], digest.hexdigest())


def _read(flags: SeriesFlags, path: Path) -> Found:
    if not path.exists():
        raise BadInput("there is no such file or folder.", path)
    if path.is_file() != (flags.label_column is not None):
        raise BadInput(
            "label_column must be given for a CSV file, and not for a folder, got "
            f"{flags.label_column}.",
            path,
        )
    return read_folder(flags, path) if path.is_dir() else _read_table(flags, path)


def _read_table(flags: SeriesFlags, path: Path) -> Found:
    """Reads a CSV file whose rows are steps."""
    table = read_table(path, flags.encoding)
    assert flags.label_column is not None
    labels = [label.strip() for label in table.column(flags.label_column)]
    for label, line in zip(labels, table.lines):
        if not label:
            raise BadInput("a label must not be empty.", path, line)
    special = (flags.label_column, flags.series_column)
    names = tuple(name for name in table.columns if name not in special)
    if not names:
        raise BadInput("there must be a column beside the label, got none.", path, 1)
    values = table_values(table, names, flags)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if flags.series_column is None:
        places = [f"line {line}" for line in table.lines]
        series = cut_windows(values, labels, places, flags.window)
        return Found(series, [], names, "table", digest)
    rows_of: dict[str, list[int]] = {}
    for row, key in enumerate(table.column(flags.series_column)):
        rows_of.setdefault(key, []).append(row)
    series = []
    for key, rows in rows_of.items():
        for row in rows:
            if labels[row] != labels[rows[0]]:
                raise BadInput(
                    f"the series {key!r} must have one label, {labels[rows[0]]!r} as "
                    f"at its first step, got {labels[row]!r}.",
                    path,
                    table.lines[row],
                )
        series.append(Series(values[rows], (labels[rows[0]],), key))
    return Found(series, list(rows_of), names, "table", digest)


def _visible(path: Path) -> list[Path]:
    """Returns what a folder holds, in alphabetical order."""
    return sorted(one for one in path.iterdir() if not one.name.startswith("."))


def _refuse_channels(got, wanted, first, path) -> None:
    raise BadInput(
        f"the columns must be {', '.join(wanted)}, as in {first}, got "
        f"{', '.join(got)}.",
        path,
        1,
    )
