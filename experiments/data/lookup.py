"""Finds data sets on this machine, and downloads them on request.

Nothing is downloaded unasked: a missing data set is an error that says how to get it.
"""

import gzip
import hashlib
import os
import shlex
import zlib
from collections.abc import Iterator
from pathlib import Path

import pooch

from experiments.data.archives import AnyPath, path_within
from experiments.data.registry import DataFile, Dataset, dataset
from experiments.harness.errors import BadInput, MissingData

DATA_DIR_VARIABLE = "RNNJAX_DATA_DIR"


def find(name: str, data_dir: str | Path | None = None) -> dict[str, AnyPath]:
    """Finds the files of a data set and checks their digests.

    The directories `data_dir`, the value of the environment variable RNNJAX_DATA_DIR,
    and the user's cache are searched in this order for `<name>/<file>` and
    `<name>/<file>.gz`, then for the other places that the registry gives.

    Args:
      name: the data set's name.
      data_dir: the directory to search first, if any.

    Returns:
      A dict from the name of each file to its path, which may end in `.gz` or be one
      within an archive.

    Raises:
      ValueError: if there is no data set of that name.
      MissingData: if a file is in none of the directories.
      BadInput: if the digest of a file is wrong.
    """
    entry = dataset(name)
    places = _places(data_dir)
    found = {}
    for file in entry.files:
        path = _locate(file, entry.name, places)
        if path is not None:
            if damage := _find_damage(file, path):
                raise damage
            found[file.name] = path
    missing = [file for file in entry.files if file.name not in found]
    if missing:
        raise MissingData(_missing_message(entry, missing, places, data_dir))
    return found


def fetch(name: str, data_dir: str | Path | None = None) -> dict[str, AnyPath]:
    """Downloads the files of a data set that are missing.

    A file appears under its name only once it is complete and its digest is right.

    Args:
      name: the data set's name.
      data_dir: the files are put into `<data_dir>/<name>`; by default into the user's
        cache.

    Returns:
      A dict from the name of each file to its path.

    Raises:
      ValueError: if there is no data set of that name, it has no public address, or
        the digest is wrong.
    """
    entry = dataset(name)
    place = _cache() if data_dir is None else Path(data_dir)
    return {file.name: _fetch_file(file, entry.name, place) for file in entry.files}


def read_bytes(path: str | AnyPath) -> bytes:
    """Reads a file, decompressing it if its name ends in `.gz`.

    Raises:
      BadInput: if a compressed file cannot be decompressed.
    """
    path = Path(path) if isinstance(path, str) else path
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


def _locate(file: DataFile, name: str, places: list[Path]) -> AnyPath | None:
    """Returns the first path of a file of the data set `name` that exists."""
    for place in places:
        for path in _candidates(file, place / name, place):
            if path.is_file():
                return path
    return None


def _candidates(file: DataFile, directory: Path, place: Path) -> Iterator[AnyPath]:
    yield directory / file.name
    yield directory / f"{file.name}.gz"
    if file.also is None:
        return
    if packed := path_within(place, file.also):
        yield packed
    yield place / file.also
    yield place / f"{file.also}.gz"


def _fetch_file(file: DataFile, name: str, place: Path) -> AnyPath:
    path = _locate(file, name, [place])
    if path is not None and not _find_damage(file, path):
        return path
    if file.url is None:
        raise ValueError(
            f"{file.name} of {name} has no public address; put it at "
            f"{place / name / file.name}."
        )
    path = pooch.retrieve(
        file.url,
        known_hash=f"sha256:{file.sha256}",
        fname=file.name,
        path=place / name,
        downloader=_download,  # pyright: ignore[reportArgumentType]  as documented
    )
    return Path(path)


def _find_damage(file: DataFile, path: AnyPath) -> BadInput | None:
    """Returns the error to raise for a damaged file, None for a good one."""
    try:
        digest = hashlib.sha256(read_bytes(path)).hexdigest()
    except BadInput as error:
        return error
    if digest == file.sha256:
        return None
    return BadInput(
        f"the SHA-256 of the uncompressed file must be {file.sha256}, got {digest}. "
        "Delete the file and fetch it again.",
        path,
    )


def _missing_message(
    entry: Dataset, missing: list[DataFile], places: list[Path], data_dir
) -> str:
    variable = os.environ.get(DATA_DIR_VARIABLE) or "not set"
    lines = [
        f"These files of the data set {entry.name} are missing:",
        *(
            f"  {file.name}, {file.num_bytes:,} bytes, SHA-256 {file.sha256}"
            for file in missing
        ),
        f"These directories were searched ({DATA_DIR_VARIABLE} is {variable}):",
        *(f"  {place / entry.name}" for place in places),
    ]
    terms = f"{entry.num_bytes / 1e6:.1f} MB; {entry.licence}"
    if any(file.url is None for file in missing):
        lines.append(f"It has no public address ({terms}).")
    else:
        command = f"python -m experiments.data fetch {entry.name}"
        if data_dir:
            command += f" --data-dir {shlex.quote(str(data_dir))}"
        lines += [f"To download it ({terms}), run:", f"  {command}"]
    return "\n".join(lines)


def _download(url, output_file, downloading_pooch) -> None:
    pooch.HTTPDownloader()(url, output_file, downloading_pooch)
    if url.endswith(".gz"):  # the digest is of the uncompressed content
        path = Path(output_file)
        path.write_bytes(gzip.decompress(path.read_bytes()))
