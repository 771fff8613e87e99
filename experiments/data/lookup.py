"""Finds data sets on this machine, and downloads them on request.

Finding downloads nothing: a missing data set is an error that says how to get it.
"""

import gzip
import hashlib
import os
import shlex
import zlib
from pathlib import Path

import pooch

from experiments.data.registry import DataFile, Dataset, dataset
from experiments.harness.errors import BadInput, MissingData

DATA_DIR_VARIABLE = "RNNJAX_DATA_DIR"


def find(name: str, data_dir: str | Path | None = None) -> dict[str, Path]:
    """Finds the files of a data set and checks their digests.

    Each file is looked for as `<place>/<name>/<file>` and `<file>.gz`, where the
    places are `data_dir`, the directory in the environment variable
    RNNJAX_DATA_DIR, and the user's cache, in this order.

    Args:
      name: the data set's name.
      data_dir: the first place to look in; None: there is none.

    Returns:
      The path of every file by its name; a path may end in `.gz`.

    Raises:
      ValueError: if there is no data set of that name.
      MissingData: if a file is in none of the places.
      BadInput: if a file has another digest than it should.
    """
    entry = dataset(name)
    places = _places(data_dir)
    found = {}
    for file in entry.files:
        path = _locate(file, [place / entry.name for place in places])
        if path is not None:
            if damage := _find_damage(file, path):
                raise damage
            found[file.name] = path
    missing = [file for file in entry.files if file.name not in found]
    if missing:
        raise MissingData(_missing_message(entry, missing, places, data_dir))
    return found


def fetch(name: str, data_dir: str | Path | None = None) -> dict[str, Path]:
    """Downloads the files of a data set that are missing.

    A file appears under its name only when it is complete and its digest is right.

    Args:
      name: the data set's name.
      data_dir: where to put them, in a directory of the data set's name; None: the
        user's cache.

    Returns:
      The path of every file by its name.

    Raises:
      ValueError: if there is no data set of that name, or the digest is wrong.
    """
    entry = dataset(name)
    directory = (_cache() if data_dir is None else Path(data_dir)) / entry.name
    return {file.name: _fetch_file(file, directory) for file in entry.files}


def read_bytes(path: str | Path) -> bytes:
    """Reads a file, decompressing it if its name ends in `.gz`.

    Raises:
      BadInput: if a compressed file cannot be decompressed.
    """
    path = Path(path)
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f"the file cannot be decompressed: {error}.", path) from error


def _cache() -> Path:
    return Path(pooch.os_cache("rnnjax"))


def _places(data_dir) -> list[Path]:
    given = (data_dir, os.environ.get(DATA_DIR_VARIABLE))
    return [Path(place) for place in given if place] + [_cache()]


def _locate(file: DataFile, directories: list[Path]) -> Path | None:
    for directory in directories:
        for path in (directory / file.name, directory / f"{file.name}.gz"):
            if path.is_file():
                return path
    return None


def _fetch_file(file: DataFile, directory: Path) -> Path:
    path = _locate(file, [directory])
    if path is not None and not _find_damage(file, path):
        return path
    path = pooch.retrieve(
        file.url,
        known_hash=f"sha256:{file.sha256}",
        fname=file.name,
        path=directory,
        downloader=_download,  # pyright: ignore[reportArgumentType]  as documented
    )
    return Path(path)


def _find_damage(file: DataFile, path: Path) -> BadInput | None:
    """Returns an error that says what is wrong with a file, None if nothing is."""
    try:
        digest = hashlib.sha256(read_bytes(path)).hexdigest()
    except BadInput as error:
        return error
    if digest == file.sha256:
        return None
    return BadInput(
        f"the SHA-256 of the uncompressed file must be {file.sha256}, got {digest}. "
        "Delete it and fetch it again.",
        path,
    )


def _missing_message(
    entry: Dataset, missing: list[DataFile], places: list[Path], data_dir
) -> str:
    command = f"python -m experiments.data fetch {entry.name}"
    if data_dir:
        command += f" --data-dir {shlex.quote(str(data_dir))}"
    variable = os.environ.get(DATA_DIR_VARIABLE) or "not set"
    lines = [
        f"The data set {entry.name} is missing:",
        *(
            f"  {file.name}, {file.num_bytes:,} bytes, SHA-256 {file.sha256}"
            for file in missing
        ),
        f"It was looked for, plain and as .gz ({DATA_DIR_VARIABLE} is {variable}), in:",
        *(f"  {place / entry.name}" for place in places),
        f"Fetch it ({entry.num_bytes / 1e6:.1f} MB; {entry.licence}) with:",
        f"  {command}",
    ]
    return "\n".join(lines)


def _download(url, output_file, downloading_pooch) -> None:
    pooch.HTTPDownloader()(url, output_file, downloading_pooch)
    if url.endswith(".gz"):  # the digest is that of the uncompressed content
        path = Path(output_file)
        path.write_bytes(gzip.decompress(path.read_bytes()))
