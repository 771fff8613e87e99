"""The public data sets of labelled series, and how each is split."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from experiments.data import lookup
from experiments.data.audio import inverse_mu_law, read_wav, resample
from experiments.data.lookup import AnyPath
from experiments.data.recordings import read_arff, read_ts
from experiments.data.registry import dataset as registered
from experiments.data.splits import folds_by_group, split_by_place
from experiments.data.spoken_digits import list_folder, list_spoken_digits
from experiments.data.tables import numbers
from experiments.data.text import read_text, split_lines
from experiments.harness import BadInput
from experiments.series_classification.own import audio_frames, mel_names, read_folder
from experiments.series_classification.series import (
    NUM_FOLDS,
    Parts,
    Series,
    SeriesFlags,
    cut_windows,
)

VOWEL_VALIDATION = 6  # of the 30 training utterances of each speaker, the last
EEG_FAULTS = 1000.0  # microvolts from the median
PACKED_RATE = 8000  # samples per second
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


def read_dataset(flags: SeriesFlags) -> Parts:
    """Reads a public data set.

    Raises:
      MissingData: if it is not on this machine.
      BadInput: if a file cannot be read.
    """
    read = READERS[flags.dataset]
    if flags.data_path is not None:
        return read(flags, {}, {})
    paths = lookup.find(flags.dataset, flags.data_dir)
    return read(flags, paths, registered(flags.dataset).digests)


def residues_to_values(sequence: str) -> np.ndarray:
    """Returns a protein as `[length, 21]`, ones at its residues; the last is unknown.

    Example:
      >>> residues_to_values("CX").argmax(axis=1)
      array([ 1, 20])
    """
    places = [RESIDUES.find(letter) for letter in sequence]
    return np.eye(len(RESIDUES) + 1, dtype=np.float32)[places]


def _japanese_vowels(flags, paths, digests) -> Parts:
    """The official split; the last utterances of each speaker validate."""
    del flags
    parts = []
    for name in ("TRAIN", "TEST"):
        found = read_ts(paths[f"JapaneseVowels_{name}.ts"])
        parts.append(
            [
                Series(
                    one.values.astype(np.float32),
                    (one.label,),
                    f"{name} line {one.line}",
                )
                for one in found
            ]
        )
    train, test = parts
    numbers_of = {label: 0 for one in train for label in one.labels}
    is_last = []
    for one in reversed(train):
        numbers_of[one.labels[0]] += 1
        is_last.append(numbers_of[one.labels[0]] <= VOWEL_VALIDATION)
    is_last.reverse()
    validation = [one for one, last in zip(train, is_last) if last]
    train = [one for one, last in zip(train, is_last) if not last]
    channels = tuple(f"cepstrum {i}" for i in range(train[0].values.shape[1]))
    return Parts(train, validation, test, channels, "table", False, digests)


def _eeg(flags, paths, digests) -> Parts:
    """One recording, split by time; four faulty samples are left out, as is usual."""
    table = read_arff(paths["eeg_eye_state.arff"])
    *names, label = table.columns
    values = np.stack([numbers(table, name) for name in names], axis=1)
    far = np.abs(values - np.median(values, axis=0)).max(axis=1) > EEG_FAULTS
    kept = np.flatnonzero(~far).tolist()
    labels = ["closed" if x == "1" else "open" for x in table.column(label)]
    train, validation, test = (
        cut_windows(values[part], [labels[i] for i in part], part, flags.window)
        for part in split_by_place(kept)
    )
    return Parts(train, validation, test, tuple(names), "table", True, digests)


def _gestures(flags, paths, digests) -> Parts:
    """For each person and class the first 60 % train, the next 20 % validate."""
    del flags
    with paths["gestures_mit.npz"].open("rb") as file:
        packed = np.load(file, allow_pickle=False)
        arrays = {name: packed[name] for name in packed.files}
    names = arrays["label_names"].tolist()
    train, validation, test = parts = _no_parts()
    for key in sorted(set(zip(arrays["person"].tolist(), arrays["labels"].tolist()))):
        person, label = key
        is_one = (arrays["person"] == person) & (arrays["labels"] == label)
        rows = np.flatnonzero(is_one).tolist()
        for part, members in zip(parts, split_by_place(rows, 0.6)):
            for row in members:
                values = arrays["clips"][row].astype(np.float32) / 2048
                group = f"person {person}"
                part.append(Series(values, (names[label],), f"clip {row}", group))
    channels = tuple(f"coordinate {i}" for i in range(train[0].values.shape[1]))
    return Parts(train, validation, test, channels, "table", False, digests)


def _fsdd(flags, paths, digests) -> Parts:
    """Takes 0 to 4 are the test part, as its authors say, 5 to 9 validate."""
    if flags.data_path is not None:
        spoken = list_folder(flags.data_path)
        digests = {str(flags.data_path): _digest_of([one.file for one in spoken])}
    else:
        spoken = list_spoken_digits(paths.values())
    train, validation, test = parts = _no_parts()
    for one in spoken:
        frames = audio_frames(read_wav(one.file, flags.sample_rate), flags)
        part = parts[2 if one.take < 5 else 1 if one.take < 10 else 0]
        part.append(Series(frames, (one.digit,), one.file.name, one.speaker))
    for name, part in zip(("train", "validation", "test"), parts):
        if not part:
            raise BadInput(f"there are too few recordings: none is for {name}.")
    return Parts(train, validation, test, mel_names(flags), "audio", False, digests)


def _speech_commands(flags, paths, digests) -> Parts:
    """Folds by speaker; silence, which nobody speaks, by runs of clips."""
    if flags.data_path is not None:
        found = read_folder(flags, flags.data_path)
        digests = {str(flags.data_path): found.digest}
        series = [
            one._replace(group=one.name.rpartition("/")[2].partition("_nohash_")[0])
            for one in found.series
        ]
    else:
        with paths["speech_commands_dev_8k_mulaw.npz"].open("rb") as file:
            packed = np.load(file, allow_pickle=False)
            arrays = {name: packed[name] for name in packed.files}
        ends = np.cumsum(arrays["lengths"])
        series = []
        for i, levels in enumerate(np.split(arrays["audio"], ends[:-1])):
            samples = resample(inverse_mu_law(levels), PACKED_RATE, flags.sample_rate)
            speaker, label = str(arrays["speakers"][i]), str(arrays["labels"][i])
            name = f"clip {i}, {arrays['words'][i]} by {speaker}"
            frames = audio_frames(samples, flags)
            series.append(Series(frames, (label,), name, speaker))
    spoken, silent = [], []
    for i, one in enumerate(series):
        (silent if one.labels == ("_silence_",) else spoken).append(i)
    folds = [place * NUM_FOLDS // len(silent) for place in range(len(silent))]
    speakers = [series[i].group for i in spoken]
    folds += folds_by_group(speakers, [1] * len(spoken), NUM_FOLDS)
    series = [series[i] for i in silent + spoken]
    train, validation, test = _parts_of_fold(series, folds, flags.fold)
    return Parts(train, validation, test, mel_names(flags), "audio", False, digests)


def _cb513(flags, paths, digests) -> Parts:
    """Folds by sequence, each of which is kept once, with all its residues."""
    path = paths["cb513.tsv"]
    series = []
    for line, text in enumerate(split_lines(read_text(path))[1:], 2):
        sequence, structure = text.split("\t")[:2]
        if len(sequence) != len(structure):
            raise BadInput("a residue must have one structure.", path, line)
        name = f"line {line}, {sequence}"
        series.append(Series(residues_to_values(sequence), tuple(structure), name))
    distinct = list({one.name.partition(", ")[2]: one for one in series}.values())
    lengths = [len(one.labels) for one in distinct]
    folds = folds_by_group(range(len(distinct)), lengths, NUM_FOLDS)
    train, validation, test = _parts_of_fold(distinct, folds, flags.fold)
    return Parts(
        train, validation, test, (*RESIDUES, "unknown"), "residues", True, digests
    )


def _no_parts() -> tuple[list[Series], list[Series], list[Series]]:
    return [], [], []


def _parts_of_fold(
    series: Sequence[Series], folds: Sequence[int], fold: int
) -> tuple[list[Series], list[Series], list[Series]]:
    """Returns the training, validation and test part of a cross-validation."""
    by_fold: list[list[Series]] = [[] for _ in range(NUM_FOLDS)]
    for one, own in zip(series, folds):
        by_fold[own].append(one)
    validation, test = by_fold[(fold + 1) % NUM_FOLDS], by_fold[fold]
    held_out = (fold, (fold + 1) % NUM_FOLDS)
    train = [one for one, own in zip(series, folds) if own not in held_out]
    return train, validation, test


def _digest_of(files: Sequence[AnyPath]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


READERS: dict[str, Callable[..., Parts]] = {
    "japanese_vowels": _japanese_vowels,
    "eeg_eye_state": _eeg,
    "gestures": _gestures,
    "fsdd": _fsdd,
    "speech_commands": _speech_commands,
    "cb513": _cb513,
}
