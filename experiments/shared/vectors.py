"""Flags for pretrained word vectors, and the table of a vocabulary's vectors."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.data import lookup
from experiments.data.packed_vectors import read_packed_vectors
from experiments.data.registry import dataset
from experiments.data.vectors import read_vectors
from experiments.harness import Run, TrainingConfig, flag

PACKED = "glove_50d"


@dataclasses.dataclass(frozen=True)
class VectorFlags(TrainingConfig):
    """The flags of pretrained word vectors."""

    vectors: Path | None = flag(
        None,
        "file of word vectors in the text format of word2vec or GloVe, plain or .gz; "
        f"{PACKED}: that data set; none: vectors start at random",
    )
    freeze_vectors: bool = flag(False, "keep the vectors of the file as they are")

    def __post_init__(self):
        """Checks that there is something to freeze."""
        super().__post_init__()
        if self.freeze_vectors and self.vectors is None:
            raise ValueError("freeze_vectors needs vectors.")


class VectorTable(NamedTuple):
    """Vectors for the words of a vocabulary.

    Attributes:
      table: `[num_words, size]` float32; a missing word has the mean of those found.
      is_found: `[num_words]` bool, whether the word has a vector of its own.
      digests: SHA-256 of each file, by name.
    """

    table: np.ndarray
    is_found: np.ndarray
    digests: dict[str, str]


def load_vectors(flags: VectorFlags, words: Sequence[str]) -> VectorTable | None:
    """Loads the vectors of a vocabulary.

    A word that the file does not have gets the vector of its lower-case form, as many
    files hold nothing else.

    Args:
      flags: the flags.
      words: the vocabulary.

    Returns:
      The table; None if the flags ask for none.

    Raises:
      BadInput: if the file is not of its format.
      MissingData: if the data set is not on this machine.
      ValueError: if the file has no vector for any of the words.
    """
    if flags.vectors is None:
        return None
    wanted = list(dict.fromkeys([*words, *map(str.lower, words)]))
    if str(flags.vectors) == PACKED:
        paths = lookup.find(PACKED, flags.data_dir)
        found = read_packed_vectors(paths["vectors.npz"], paths["words.txt"], wanted)
        # The texts' own files may have the same names.
        digests = {f"{PACKED}/{file}": d for file, d in dataset(PACKED).digests.items()}
    else:
        found = read_vectors(flags.vectors, wanted)
        digests = {str(flags.vectors): _digest(flags.vectors)}
    place = {word: i for i, word in enumerate(wanted)}
    own, lower = (
        np.array([place[word] for word in forms])
        for forms in (words, map(str.lower, words))
    )
    rows = np.where(found.is_found[own], own, lower)
    is_found = found.is_found[rows]
    if not is_found.any():
        raise ValueError(
            f"vectors must have one of the {len(words)} words, got none of them in "
            f"{flags.vectors}."
        )
    table = found.table[rows]
    table[~is_found] = table[is_found].mean(axis=0)
    return VectorTable(table, is_found, digests)


def report_vectors(run: Run, vectors: VectorTable) -> None:
    """Prints how many words have a vector, and records the files in a run."""
    missing = int((~vectors.is_found).sum())
    run.print(
        f"vectors of {vectors.table.shape[1]} numbers: {missing:,} of "
        f"{len(vectors.table):,} words are missing and begin with the mean of the rest"
    )
    for name, digest in vectors.digests.items():
        run.record_data(name, digest)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
