"""The takes of the free spoken digit dataset, and who may use which of them."""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from experiments.data.lookup import AnyPath
from experiments.harness.errors import BadInput

Part = Literal["test", "validation", "strings", "generator", "judge"]

# Takes of every digit and speaker. Its authors give 0 to 4 for tests. A generator is
# judged by a recognizer, and neither may have heard what the other was trained on.
TAKES: dict[Part, range] = {
    "test": range(5),
    "validation": range(5, 10),
    "strings": range(10, 28),
    "generator": range(28, 39),
    "judge": range(39, 50),
}


class SpokenDigit(NamedTuple):
    """A recording.

    Attributes:
      digit: the digit, as a character.
      speaker: the name of who speaks.
      take: number of the take, from 0.
      file: the WAV file.
    """

    digit: str
    speaker: str
    take: int
    file: AnyPath


def list_spoken_digits(archives: Iterable[AnyPath]) -> list[SpokenDigit]:
    """Lists the recordings of zip files, those of each file by name.

    Raises:
      BadInput: if a file is not named by digit, speaker and take.
    """
    files: list[AnyPath] = []
    for path in archives:
        recordings = zipfile.Path(str(path), "recordings/").iterdir()
        files += sorted(recordings, key=lambda file: file.name)
    return [parse_name(file) for file in files]


def list_folder(folder: Path) -> list[SpokenDigit]:
    """Lists the recordings of a folder, by name; see `list_spoken_digits`."""
    return [parse_name(file) for file in sorted(folder.glob("*.wav"))]


def parse_name(file: AnyPath) -> SpokenDigit:
    """Reads digit, speaker and take from the name of a file.

    Raises:
      BadInput: if it is not named by them.

    Example:
      >>> parse_name(Path("7_theo_0.wav"))[:3]
      ('7', 'theo', 0)
    """
    fields = file.name.removesuffix(".wav").split("_")
    if len(fields) != 3 or not fields[2].isdigit():
        raise BadInput(
            "a file must be named by digit, speaker and take, such as 7_theo_0.wav, "
            f"got {file.name}.",
            file,
        )
    digit, speaker, take = fields
    return SpokenDigit(digit, speaker, int(take), file)
