"""The flags that say what is heard, and a recording as frames."""

import dataclasses
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments.data.audio import log_mel
from experiments.data.spoken_folder import TRANSCRIPTS, read_spoken_folder
from experiments.harness import TrainingConfig, check_needs, flag
from experiments.shared.recognition.examples import Example, Units


@dataclasses.dataclass(frozen=True)
class SpeechFlags(TrainingConfig):
    """The flags that say what is heard, and how."""

    dataset: Literal["tunes", "yesno", "fsdd_strings", "espeak"] = flag(
        "tunes", "data set; tunes are made, strings are put together from digits"
    )
    data_path: Path | None = flag(
        None, f"folder of your own: WAV files, and {TRANSCRIPTS} with their texts"
    )
    validation_path: Path | None = flag(
        None, "such a folder to validate on; none: a tenth of your recordings"
    )
    test_path: Path | None = flag(
        None, "such a folder to test on; needs validation_path; none: no test then"
    )
    encoding: str = flag("utf-8", "encoding of your transcript files")
    units: Units | None = flag(
        None,
        "what texts are split into; none: characters of your own, phonemes of espeak, "
        "else words",
    )
    sample_rate: int = flag(
        8000, "samples per second to which recordings are brought", minimum=1000
    )
    num_mels: int = flag(40, "frequency bands of a frame", minimum=1)
    hop_seconds: float = flag(0.010, "seconds from one frame to the next")
    skip_unalignable: bool = flag(
        False, "leave out recordings whose frames are too few to spell their text"
    )

    def __post_init__(self):
        """Checks flags that depend on each other."""
        super().__post_init__()
        check_needs(
            self, {"validation_path": "data_path", "test_path": "validation_path"}
        )
        if not 0 < self.hop_seconds <= 0.025:
            raise ValueError(
                "hop_seconds must be more than 0 and at most 0.025, the length of a "
                f"frame, got {self.hop_seconds}."
            )
        if self.units == "phonemes" and self.made_units != "phonemes":
            raise ValueError("units must not be phonemes, which only espeak has.")

    @property
    def made_units(self) -> Units:
        """What texts are split into without the flag."""
        if self.data_path is not None:
            return "characters"
        return "phonemes" if self.dataset == "espeak" else "words"

    @property
    def chosen_units(self) -> Units:
        """What texts are split into."""
        return self.units or self.made_units


def frames_of(samples: np.ndarray, flags: SpeechFlags) -> np.ndarray:
    """Returns the frames of a sound of `sample_rate`, `[num_frames, num_mels]`."""
    return log_mel(
        samples,
        flags.sample_rate,
        num_mels=flags.num_mels,
        hop_seconds=flags.hop_seconds,
    )


class Folder(NamedTuple):
    """What a folder of recordings holds.

    Attributes:
      examples: the recordings, in the order of the transcript file.
      digest: SHA-256 of all files.
    """

    examples: list[Example]
    digest: str


def read_folder(folder: Path, flags: SpeechFlags) -> Folder:
    """Reads a folder of WAV files and their transcript file.

    Raises:
      BadInput: see `read_spoken_folder`.
    """
    recordings, digest = read_spoken_folder(folder, flags.sample_rate, flags.encoding)
    examples = [
        Example(frames_of(one.samples, flags), one.text, one.name, one.path, one.line)
        for one in recordings
    ]
    return Folder(examples, digest)
