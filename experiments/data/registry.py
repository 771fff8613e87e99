"""The data sets that experiments can use, as `registry.toml` lists them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Attributes:
      name: path within the data set's directory.
      url: address to download from, which names a commit if the host has commits; the
        download is compressed if the address ends in `.gz`. None: there is no public
        address.
      num_bytes: size of the uncompressed content.
      sha256: digest of the uncompressed content.
      also: another path, below the directory of all data sets, where it may lie; a part
        of it may be a zip or a tar.xz file.
    """

    name: str
    url: str | None
    num_bytes: int
    sha256: str
    also: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A data set: its files, and what a user should know before downloading them.

    Attributes:
      name: the name on the command line and of the directory.
      title: a description in one line.
      licence: the terms of use.
      files: the files.
    """

    name: str
    title: str
    licence: str
    files: tuple[DataFile, ...]

    @property
    def num_bytes(self) -> int:
        """Returns the size of all files together, uncompressed."""
        return sum(file.num_bytes for file in self.files)

    @property
    def digests(self) -> dict[str, str]:
        """Returns the SHA-256 of the uncompressed content of every file, by name."""
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
