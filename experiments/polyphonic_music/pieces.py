"""Pieces of music as piano rolls, to learn, to validate and to test."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.io

from experiments.data import lookup, registry
from experiments.data.midi import find_midi_files, read_midi_files
from experiments.harness import BadInput
from experiments.polyphonic_music.canons import make_canons

Pieces = list[np.ndarray]
FILES = {
    "jsb_chorales": "JSB_Chorales.mat",
    "nottingham": "Nottingham.mat",
    "piano_midi": "Piano_midi.mat",
}
NUM_CANONS = (2000, 40, 40)
FOLDS = 5  # of five files of a directory the fourth is for validation, the fifth a test
LEAST_FRAMES = 2
LEAST_FRAMES_TO_SPLIT = 20


class Music(NamedTuple):
    """Pieces, each a piano roll `[num_frames, 88]` bool of at least two frames.

    Attributes:
      train: the pieces to learn.
      validation: those that decide which parameters are best.
      test: those that these parameters are tested on.
      digests: SHA-256 of what was read, by its name.
      least_loss: nats per frame on the test pieces of the best predictor of single
        keys, if known.
    """

    train: Pieces
    validation: Pieces
    test: Pieces
    digests: dict[str, str]
    least_loss: float | None = None


def load_music(
    dataset: str,
    data_dir: Path | None,
    data_path: Path | None,
    validation_path: Path | None,
    test_path: Path | None,
    frames_per_beat: int,
    warn: Callable[[str], None],
) -> Music:
    """Loads a data set, or the MIDI files of the user.

    Without paths for validation and test, a directory is split by the sorted paths of
    its files: of every five, three are learned, the fourth is for validation and the
    fifth for the test. A single file is split by time: 80, 10 and 10 percent.

    Args:
      dataset: `canons`, generated at random, or a name in `FILES`.
      data_dir: the first place to look for data sets.
      data_path: a MIDI file, or a directory with MIDI files at any depth; None: the
        data set.
      validation_path: likewise; None: a part of `data_path`.
      test_path: likewise.
      frames_per_beat: frames per quarter note of MIDI files.
      warn: called with warnings about files that were skipped or read in part.

    Returns:
      The pieces.

    Raises:
      BadInput: if a path is neither a MIDI file nor a directory with MIDI files that
        can be read, if there are too few files or frames to split, or if only some of
        the three paths are given.
      MissingData: if the data set is not on this machine.
    """
    others = [path for path in (validation_path, test_path) if path is not None]
    if len(others) == 1 or (others and data_path is None):
        raise BadInput(
            "data_path must be given alone or with validation_path and test_path, got "
            f"data_path {data_path}, validation_path {validation_path}, test_path "
            f"{test_path}."
        )
    if data_path is None:
        return _make_canons() if dataset == "canons" else _read_mat(dataset, data_dir)
    parts, digests = [], {}
    for path in (data_path, *others):
        files = _find(path)
        parts.append(
            read_midi_files(
                files, frames_per_beat, least_frames=LEAST_FRAMES, warn=warn
            )
        )
        digest = hashlib.sha256()
        for file in files:
            digest.update(file.read_bytes())
        digests[str(path)] = digest.hexdigest()
    train, validation, test = parts if others else _split(parts[0], data_path)
    return Music(train, validation, test, digests)


def _read_mat(dataset: str, data_dir: Path | None) -> Music:
    path = lookup.find("polyphonic_music", data_dir)[FILES[dataset]]
    content = scipy.io.loadmat(path)
    train, validation, test = (
        [np.asarray(roll, bool) for roll in content[f"{part}data"][0]]
        for part in ("train", "valid", "test")
    )
    digest = registry.dataset("polyphonic_music").digests[FILES[dataset]]
    return Music(train, validation, test, {FILES[dataset]: digest})


def _find(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.exists():
            raise BadInput("must be a MIDI file or a directory, got nothing.", path)
        return [path]
    files = find_midi_files(path)
    if not files:
        raise BadInput("must contain files ending in .mid or .midi, got none.", path)
    return files


def _split(pieces: Pieces, path: Path) -> tuple[Pieces, Pieces, Pieces]:
    if path.is_dir():
        if len(pieces) < FOLDS:
            raise BadInput(
                f"must contain at least {FOLDS} MIDI files that can be read, got "
                f"{len(pieces)}: add some, or give validation_path and test_path.",
                path,
            )
        *train, validation, test = (pieces[fold::FOLDS] for fold in range(FOLDS))
        return sum(train, []), validation, test
    (piece,) = pieces
    if len(piece) < LEAST_FRAMES_TO_SPLIT:
        raise BadInput(
            f"must be at least {LEAST_FRAMES_TO_SPLIT} frames long to split, got "
            f"{len(piece)}.",
            path,
        )
    ends = [len(piece) * 8 // 10, len(piece) * 9 // 10]
    train, validation, test = np.split(piece, ends)
    return [train], [validation], [test]


def _make_canons() -> Music:
    parts, digest = [], hashlib.sha256()
    for seed, number in enumerate(NUM_CANONS):
        parts.append(make_canons(number, seed))
        digest.update(b"".join(canon.roll.tobytes() for canon in parts[-1]))
    nats = sum(canon.nats for canon in parts[-1])
    num_frames = sum(len(canon.roll) - 1 for canon in parts[-1])
    train, validation, test = ([canon.roll for canon in part] for part in parts)
    digests = {"canons": digest.hexdigest()}
    return Music(train, validation, test, digests, least_loss=nats / num_frames)
