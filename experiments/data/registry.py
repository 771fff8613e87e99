"""The data sets known to the experiments, as `registry.toml` lists them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Attributes:
      name: path below the data set's own directory.
      url: where it comes from, at a fixed commit; compressed if it ends in `.gz`. None:
        it has no public address.
      num_bytes: size, uncompressed.
      sha256: digest of the uncompressed content.
      also: another path, below the directory of all data sets, where it may lie; a part
        of it may be a zip file.
    """

    name: str
    url: str | None
    num_bytes: int
    sha256: str
    also: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A data set: its files, and what to know before fetching them.

    Attributes:
      name: its name on the command line, and that of its directory.
      title: a description in one line.
      licence: the terms under which it may be used.
      files: its files.
    """

    name: str
    title: str
    licence: str
    files: tuple[DataFile, ...]

    @property
    def num_bytes(self) -> int:
        """Size of all files together, uncompressed."""
        return sum(file.num_bytes for file in self.files)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the uncompressed content of every file, by name."""
        return {file.name: file.sha256 for file in self.files}


def _read_entry(name: str, table: dict) -> Dataset:
    files = []
    for fields in table["files"]:
        path = fields.pop("path", fields["name"])
        url = table["source"] + path if "source" in table else None
        files.append(DataFile(url=url, **fields))
    return Dataset(name, table["title"], table["licence"], tuple(files))


DATASETS = {
    name: _read_entry(name, table)
    for name, table in tomllib.loads(
        Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    ).items()
}


def dataset(name: str) -> Dataset:
    """Returns the entry of the data set `name`.

    Raises:
      ValueError: if there is no such data set.
    """
    if name not in DATASETS:
        known = ", ".join(sorted(DATASETS))
        raise ValueError(f"name must be a data set ({known}), got {name!r}.")
    return DATASETS[name]
