"""Series with labels, in parts, and where they come from."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments.data.tables import Fill
from experiments.harness import TrainingConfig, check_needs, flag

NUM_FOLDS = 5
Source = Literal["audio", "table", "residues"]


@dataclasses.dataclass(frozen=True)
class SeriesFlags(TrainingConfig):
    """The flags that say which series to classify, and how audio is read."""

    dataset: Literal[
        "made",
        "japanese_vowels",
        "eeg_eye_state",
        "gestures",
        "fsdd",
        "speech_commands",
        "cb513",
    ] = flag("made", "data set; made is of signals by formula")
    data_path: Path | None = flag(
        None,
        "data of your own: a folder with a folder of .wav or .csv files per class, or "
        "a CSV file with label_column; with the dataset fsdd or speech_commands, the "
        "folder of its recordings",
    )
    validation_path: Path | None = flag(
        None, "folder or file to validate on; none: a tenth of data_path"
    )
    test_path: Path | None = flag(
        None, "folder or file to test on; needs validation_path; none: no test then"
    )
    label_column: str | None = flag(
        None, "column of a CSV file with the label of every step"
    )
    series_column: str | None = flag(
        None,
        "column of a CSV file that says which series a row is of; a series then has "
        "one label",
    )
    window: int = flag(
        128, "steps of the pieces that a recording labelled by steps is cut into"
    )
    fill: Fill | None = flag(
        None, "what stands for a missing value of a CSV file; none: it is refused"
    )
    encoding: str = flag("utf-8", "encoding of CSV files")
    fold: int = flag(
        0, "fold to test on, of speech_commands and cb513; the next one validates"
    )
    sample_rate: int = flag(8000, "samples per second to which audio is converted")
    num_mels: int = flag(40, "bands of the log-mel frames of audio", minimum=1)
    hop_seconds: float = flag(0.01, "seconds between two frames of audio")

    def __post_init__(self):
        """Checks that flags come together."""
        super().__post_init__()
        needs = {
            "validation_path": "data_path",
            "test_path": "validation_path",
            "series_column": "label_column",
            "label_column": "data_path",
        }
        check_needs(self, needs)
        if self.dataset != "made":
            if self.validation_path is not None:
                raise ValueError("validation_path must not be given with dataset.")
            if self.data_path is not None and self.dataset not in ORIGINALS:
                raise ValueError(
                    f"dataset must be {' or '.join(ORIGINALS)} with data_path, or not "
                    f"given, got {self.dataset}."
                )
        if not 0 <= self.fold < NUM_FOLDS:
            raise ValueError(
                f"fold must be from 0 to {NUM_FOLDS - 1}, got {self.fold}."
            )
        if self.window < 1:
            raise ValueError(f"window must be at least 1, got {self.window}.")
        if not 0.001 <= self.hop_seconds <= FRAME_SECONDS:
            raise ValueError(
                f"hop_seconds must be from 0.001 to {FRAME_SECONDS}, "
                f"got {self.hop_seconds}."
            )
        if not 1000 <= self.sample_rate <= 192_000:
            raise ValueError(
                f"sample_rate must be from 1,000 to 192,000, got {self.sample_rate}."
            )


ORIGINALS = ("fsdd", "speech_commands")  # that are read from a folder of recordings too
FRAME_SECONDS = 0.025


class Series(NamedTuple):
    """A series of several channels.

    Attributes:
      values: `[length, num_channels]` float32.
      labels: its label, one; or those of all its steps.
      name: where it is from, for people.
      group: whom or what it is of, such as its speaker; "" if not known.
    """

    values: np.ndarray
    labels: tuple[str, ...]
    name: str
    group: str = ""


class Parts(NamedTuple):
    """Series for training, validation and test.

    Attributes:
      train, validation, test: the series; `test` may be empty.
      channels: the names of the channels.
      source: what the series were read from: audio, tables, or letters of residues.
      by_step: whether every step has a label of its own.
      digests: SHA-256 of every file or folder, by name.
    """

    train: list[Series]
    validation: list[Series]
    test: list[Series]
    channels: tuple[str, ...]
    source: Source
    by_step: bool
    digests: dict[str, str]


def classes_of(series: Sequence[Series]) -> tuple[str, ...]:
    """Returns the labels that occur, in alphabetical order."""
    return tuple(sorted({label for one in series for label in one.labels}))


def cut_windows(
    values: np.ndarray, labels: Sequence[str], places: Sequence[object], window: int
) -> list[Series]:
    """Cuts a recording with a label per step into pieces that do not overlap.

    Args:
      values: `[num_steps, num_channels]`.
      labels: the label of every step.
      places: what to call each step, such as its line in a file.
      window: steps of a piece; the last one may be shorter.

    Returns:
      The pieces in order, named by their first and last step.
    """
    pieces = []
    for begin in range(0, len(values), window):
        steps = slice(begin, begin + window)
        name = f"{places[begin]} to {places[steps][-1]}"
        piece = values[steps].astype(np.float32)
        pieces.append(Series(piece, tuple(labels[steps]), name))
    return pieces
