"""Labels for series that a trained run has not seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx

from experiments.data.audio import read_wav
from experiments.data.tables import read_table
from experiments.harness import BadInput
from experiments.series_classification.batches import Encoded, Symbols, scale
from experiments.series_classification.own import audio_frames, table_values
from experiments.series_classification.report import make_predict
from experiments.series_classification.series import SeriesFlags
from experiments.series_classification.sets import residues_to_values
from experiments.shared.answering import Answer, round_up
from experiments.shared.buckets import Buckets
from experiments.shared.trained import Trained


def make_reply(trained: Trained, probabilities: bool) -> Callable[[str], Answer]:
    """Makes the function that labels what a line names.

    Args:
      trained: the run.
      probabilities: whether to give the probability of every class too.

    Returns:
      `reply(line)`, which raises a `ValueError` for a line that it cannot answer. A
      label per step is separated by blanks.
    """
    config, symbols = trained.config, trained.symbols
    predict = make_predict(trained.module, 1, symbols.by_step)
    params = nnx.as_pure(nnx.state(trained.module))

    def reply(line: str) -> Answer:
        values = scale(read_line(line, config, symbols), symbols)
        pieces = [values]
        if symbols.by_step and symbols.source == "table":  # as in training
            begins = range(0, len(values), config.window)
            pieces = [values[begin : begin + config.window] for begin in begins]
        lengths = np.array([len(piece) for piece in pieces])
        padded = (round_up(int(lengths.max())),)
        buckets = Buckets(lengths, padded, (np.arange(len(pieces)),), 1)
        shares = np.concatenate(predict(params, Encoded(pieces, []), buckets))
        labels = [symbols.classes[i] for i in shares.argmax(axis=1)]
        rounded = [dict(zip(symbols.classes, row)) for row in shares.round(4).tolist()]
        fields: dict[str, Any] = {"labels": labels, "probabilities": rounded}
        text = " ".join(labels)
        if not symbols.by_step:
            fields = {"label": labels[0], "probabilities": rounded[0]}
        if not probabilities:
            del fields["probabilities"]
        elif not symbols.by_step:
            text += "".join(f"\t{name} {p:.4f}" for name, p in rounded[0].items())
        return Answer(text, fields)

    return reply


def read_line(line: str, flags: SeriesFlags, symbols: Symbols) -> np.ndarray:
    """Reads the series that a line names, or the chain of residues that it is.

    A CSV file may have other columns beside the channels of the run.

    Args:
      line: the path of a file, or a chain of residues.
      flags: the configuration of the run.
      symbols: what the run read.

    Returns:
      `[length, num_channels]`.

    Raises:
      BadInput: if the line names no file of the run's kind, or it cannot be read.
    """
    if symbols.source == "residues":
        if not (line.isascii() and line.isalpha() and line.isupper()):
            message = f"a chain must be of capital letters such as MKV, got {line!r}."
            raise BadInput(message)
        return residues_to_values(line)
    path = Path(line)
    if not line or not path.is_file():
        raise BadInput(f"the line must be the path of a file, got {line!r}.")
    if symbols.source == "audio":
        return audio_frames(read_wav(path, flags.sample_rate), flags)
    return table_values(read_table(path, flags.encoding), symbols.channels, flags)
