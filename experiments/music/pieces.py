"""Pieces of music, in parts for training, validation and test."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.io

from experiments.data import lookup, registry
from experiments.music.canons import make_canons
from experiments.music.midi import read_midi

Pieces = list[np.ndarray]
FILES = {
    "jsb_chorales": "JSB_Chorales.mat",
    "nottingham": "Nottingham.mat",
    "piano_midi": "Piano_midi.mat",
}
NUM_CANONS = (2000, 40, 40)
FOLDS = 5  # of one's own files every fourth of five is for validation, the fifth a test
LEAST_FRAMES = 2


class Music(NamedTuple):
    """Pieces, each a piano roll `[num_frames, 88]` bool of at least two frames.

    Attributes:
      train: the pieces to learn.
      validation: those that decide when learning is at its best.
      test: those it is judged by.
      digests: SHA-256 of what was read, by its name.
      floor: nats a frame that the best predictor of single keys pays on the test
        pieces, if known.
    """

    train: Pieces
    validation: Pieces
    test: Pieces
    digests: dict[str, str]
    floor: float | None = None


def load_music(
    dataset: str, midi_dir: Path | None, data_dir: Path | None, frames_per_beat: int
) -> Music:
    """Loads pieces of music.

    Args:
      dataset: `canons`, made at random, or a name of `FILES`.
      midi_dir: a directory of MIDI files to read in its stead; None: the data set.
      data_dir: where data sets are looked for first.
      frames_per_beat: frames of a quarter note of the MIDI files.

    Returns:
      The pieces.

    Raises:
      ValueError: if there are fewer than five MIDI files, or one that cannot be read or
        is shorter than two frames.
      MissingData: if the data set is not on this machine.
    """
    if midi_dir is not None:
        return _read_directory(midi_dir, frames_per_beat)
    if dataset == "canons":
        return _make_music()
    path = lookup.find("polyphonic_music", data_dir)[FILES[dataset]]
    digest = registry.dataset("polyphonic_music").digests[FILES[dataset]]
    return Music(*_read_mat(path), {FILES[dataset]: digest})


def _read_mat(path: Path) -> tuple[Pieces, Pieces, Pieces]:
    content = scipy.io.loadmat(path)
    train, validation, test = (
        [np.asarray(roll, bool) for roll in content[f"{part}data"][0]]
        for part in ("train", "valid", "test")
    )
    return train, validation, test


def _make_music() -> Music:
    parts, digest = [], hashlib.sha256()
    for seed, number in enumerate(NUM_CANONS):
        parts.append(make_canons(number, seed))
        digest.update(b"".join(canon.roll.tobytes() for canon in parts[-1]))
    nats = sum(canon.nats for canon in parts[-1])
    frames = sum(len(canon.roll) - 1 for canon in parts[-1])
    train, validation, test = ([canon.roll for canon in part] for part in parts)
    return Music(
        train, validation, test, {"canons": digest.hexdigest()}, floor=nats / frames
    )


def _read_directory(directory: Path, frames_per_beat: int) -> Music:
    if not directory.is_dir():
        raise ValueError(f"midi_dir must be a directory, got {directory}.")
    paths = sorted(
        path for path in directory.iterdir() if path.suffix.lower() in (".mid", ".midi")
    )
    if len(paths) < FOLDS:
        raise ValueError(
            f"midi_dir must hold at least {FOLDS} files .mid or .midi, "
            f"got {len(paths)} in {directory}."
        )
    pieces, digest = [], hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
        pieces.append(read_midi(path, frames_per_beat))
        if len(pieces[-1]) < LEAST_FRAMES:
            raise ValueError(
                f"{path} must be at least {LEAST_FRAMES} frames long, "
                f"got {len(pieces[-1])}."
            )
    folds = [pieces[fold::FOLDS] for fold in range(FOLDS)]
    *train, validation, test = folds
    return Music(sum(train, []), validation, test, {str(directory): digest.hexdigest()})
