"""Folders of recordings: WAV files, and a transcript file that says their texts."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.data.audio import read_wav
from experiments.data.lookup import AnyPath
from experiments.data.transcripts import read_transcripts
from experiments.harness.errors import BadInput

TRANSCRIPTS = "transcripts.tsv"
SUFFIX = ".wav"


class Recording(NamedTuple):
    """A recording and what is said in it.

    Attributes:
      samples: `[num_samples]` float32, full scale at ±1.
      text: the text.
      name: the name of the WAV file.
      path: the file that holds the text, None if it is made.
      line: the line of that file.
    """

    samples: np.ndarray
    text: str
    name: str
    path: AnyPath | None = None
    line: int | None = None


def read_spoken_folder(
    folder: Path, rate: int, encoding: str = "utf-8"
) -> tuple[list[Recording], str]:
    """Reads a folder of WAV files and their transcript file.

    A name in the transcript file is that of a WAV file, with or without `.wav`. Files
    of other kinds are not looked at.

    Args:
      folder: the folder.
      rate: samples per second to which recordings are brought.
      encoding: of the transcript file.

    Returns:
      The recordings in the order of the transcript file, and the SHA-256 of all files.

    Raises:
      BadInput: if there is no such folder or no transcript file, a transcript has no
        recording, a recording no transcript, or a file cannot be read.
    """
    if not folder.is_dir():
        raise BadInput("there is no such folder.", folder)
    path = folder / TRANSCRIPTS
    if not path.is_file():
        raise BadInput(f"the folder must hold {TRANSCRIPTS}, got no such file.", folder)
    files = {
        file.name.removesuffix(SUFFIX): file
        for file in sorted(folder.iterdir())
        if file.suffix == SUFFIX
    }
    digest = hashlib.sha256(path.read_bytes())
    recordings = []
    for name, text, line in read_transcripts(path, encoding):
        file = files.pop(name.removesuffix(SUFFIX), None)
        if file is None:
            message = f"{name} must be a recording of the folder, got none of its name."
            raise BadInput(message, path, line)
        digest.update(hashlib.sha256(file.read_bytes()).digest())
        recordings.append(Recording(read_wav(file, rate), text, file.name, path, line))
    for file in files.values():
        raise BadInput(f"the recording must have a line in {path}, got none.", file)
    return recordings, digest.hexdigest()
