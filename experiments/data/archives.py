"""Files within archives, as paths that readers take like any other."""

import functools
import lzma
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from experiments.harness.errors import BadInput


@dataclass(frozen=True)
class TarPath:
    """A file within a tar archive, with as much of `Path` as readers use.

    Attributes:
      archive: the archive, which may be compressed.
      member: the path of the file within it.
    """

    archive: Path
    member: str

    def __str__(self):
        return f"{self.archive}/{self.member}"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return Path(self.member).name

    @property
    def suffix(self) -> str:
        """The ending of the name, with its dot."""
        return Path(self.member).suffix

    def is_file(self) -> bool:
        """Returns whether the archive is there and holds the file.

        Raises:
          BadInput: if the archive cannot be read.
        """
        return self.archive.is_file() and self.member in self._members()

    def read_bytes(self) -> bytes:
        """Returns the content of the file.

        Raises:
          FileNotFoundError: if the archive does not hold it.
          BadInput: if the archive cannot be read.
        """
        members = self._members()
        if self.member not in members:
            raise FileNotFoundError(f"there is no such file: {self}")
        return members[self.member]

    def _members(self) -> dict[str, bytes]:
        return _read_tar(self.archive, self.archive.stat().st_mtime_ns)


AnyPath = Path | zipfile.Path | TarPath


@functools.lru_cache(maxsize=1)
def _read_tar(path: Path, changed: int) -> dict[str, bytes]:
    """Reads all files of an archive at once: each one alone would unpack it all."""
    del changed  # a part of the key of the cache
    try:
        with tarfile.open(path) as archive:
            files = {m.name: archive.extractfile(m) for m in archive if m.isfile()}
            return {name: file.read() for name, file in files.items() if file}
    except (tarfile.TarError, lzma.LZMAError, EOFError, OSError) as error:
        raise BadInput(f"the archive cannot be read: {error}.", path) from error


def path_within(place: Path, path: str) -> AnyPath | None:
    """Returns a path of which one part is an archive.

    Args:
      place: where the path begins.
      path: such as `packs/all.zip/parts/one.txt`, or one within a `.tar.xz` file.

    Returns:
      The path, of a file that may not be there; None if no part is an archive or the
      zip archive is not there.
    """
    archive, is_packed, member = path.partition(".tar.xz/")
    if is_packed:
        return TarPath(place / f"{archive}.tar.xz", member)
    archive, is_packed, member = path.partition(".zip/")
    if is_packed and zipfile.is_zipfile(place / f"{archive}.zip"):
        return zipfile.Path(place / f"{archive}.zip", member)
    return None
