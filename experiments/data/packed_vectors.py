"""Word vectors packed into an array: a second way to read those of `vectors`."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.data.lookup import AnyPath, read_bytes
from experiments.data.text import read_text, split_lines
from experiments.data.vectors import WordVectors
from experiments.harness.errors import BadInput


def read_packed_vectors(
    path: str | AnyPath, words_path: str | AnyPath, words: Sequence[str]
) -> WordVectors:
    """Reads the vectors of the words of a vocabulary.

    Args:
      path: an `.npz` file with the array `vectors` `[num_rows, size]`.
      words_path: the word of each row, a line per word, UTF-8; decompressed if its name
        ends in `.gz`.
      words: the vocabulary.

    Returns:
      The vectors, as `read_vectors` returns them. Of a word that occurs twice the first
      counts.

    Raises:
      BadInput: if a file is not of its format, a number is not finite, or the files
        have unequal numbers of rows.
    """
    path = Path(path) if isinstance(path, str) else path
    vectors = _read_array(path)
    lines = split_lines(read_text(words_path))
    if len(lines) != len(vectors):
        raise BadInput(
            f"the file must have {len(vectors)} words, a line for each row of "
            f"{path.name}, got {len(lines)}.",
            words_path,
        )
    row_of = {word: row for row, word in reversed(list(enumerate(lines)))}
    rows = np.array([row_of.get(word, -1) for word in words], np.int64)
    is_found = rows >= 0
    table = np.where(is_found[:, None], vectors[rows], 0)
    return WordVectors(table.astype(np.float32), is_found)


def _read_array(path: AnyPath) -> np.ndarray:
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as arrays:
            vectors = arrays["vectors"]
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(
            f"the file must be .npz with an array `vectors`: {error}.", path
        ) from error
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or not vectors.size:
        raise BadInput(
            "`vectors` must be floats [num_rows, size], got "
            f"{vectors.dtype} {vectors.shape}.",
            path,
        )
    if not np.isfinite(vectors).all():
        raise BadInput("`vectors` must be finite.", path)
    return vectors
