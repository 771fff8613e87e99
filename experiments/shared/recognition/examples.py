"""Frames with their text: what the numbers stand for, and what cannot be learned."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from experiments.data.lookup import AnyPath
from experiments.data.vocabulary import Vocabulary
from experiments.harness import BadInput

Units = Literal["words", "characters", "phonemes"]
BLANK = "<blank>"


class Example(NamedTuple):
    """Frames and the text that they hold.

    Attributes:
      values: `[num_frames, num_channels]` float32.
      text: the text; words and phonemes are separated by blanks.
      name: what it is called.
      path: the file that holds its text, None if it is made.
      line: the line of that file.
    """

    values: np.ndarray
    text: str
    name: str
    path: AnyPath | None = None
    line: int | None = None


def split(text: str, units: str) -> tuple[str, ...]:
    """Splits a text into its symbols; characters include single blanks.

    Example:
      >>> split("to  me", "words"), split("to  me", "characters")
      (('to', 'me'), ('t', 'o', ' ', 'm', 'e'))
    """
    words = text.split()
    return tuple(" ".join(words)) if units == "characters" else tuple(words)


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What the numbers of a recognizer stand for.

    Attributes:
      vocabulary: the symbols of the training texts, behind the blank.
      units: what texts are split into.
      mean: what is subtracted from each channel.
      scale: what it is divided by then.
    """

    vocabulary: Vocabulary
    units: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    def decode(self, tokens: np.ndarray) -> str:
        """Turns tokens without blanks into text."""
        return self.vocabulary.decode(tokens)


def make_symbols(train: Sequence[Example], units: str) -> Symbols:
    """Numbers the symbols, and measures the channels, of the training part alone.

    Raises:
      BadInput: if a text holds the name of the blank.
    """
    known: set[str] = set()
    for one in train:
        symbols = split(one.text, units)
        if BLANK in symbols:
            message = f"the text must not hold {BLANK}, the name of the blank."
            raise BadInput(message, one.path, one.line)
        known |= set(symbols)
    frames = np.concatenate([one.values for one in train]).astype(np.float64)
    scale = frames.std(axis=0)
    scale = np.where(scale > 0, scale, 1)
    separator = "" if units == "characters" else " "
    return Symbols(
        Vocabulary((BLANK, *sorted(known)), separator),
        units,
        tuple(frames.mean(axis=0).tolist()),
        tuple(scale.tolist()),
    )


def scale(values: np.ndarray, symbols: Symbols) -> np.ndarray:
    """Scales the channels of frames `[num_frames, num_channels]`."""
    scaled = (values - np.asarray(symbols.mean)) / np.asarray(symbols.scale)
    return scaled.astype(np.float32)


class Encoded(NamedTuple):
    """Examples as numbers.

    Attributes:
      values: `[num_frames, num_channels]` float32 of each, scaled.
      targets: `[num_symbols]` int32 of each.
    """

    values: list[np.ndarray]
    targets: list[np.ndarray]


def encode(examples: Sequence[Example], symbols: Symbols) -> Encoded:
    """Turns examples into numbers.

    Raises:
      BadInput: if a symbol of a text is not in the vocabulary.
    """
    return Encoded(
        [scale(one.values, symbols) for one in examples],
        [encode_text(one, symbols) for one in examples],
    )


def encode_text(example: Example, symbols: Symbols) -> np.ndarray:
    """Turns the text of an example into numbers, `[num_symbols]` int32.

    Raises:
      BadInput: if a symbol of it is not in the vocabulary.
    """
    units = split(example.text, symbols.units)
    for unit in units:
        if unit == BLANK or unit not in symbols.vocabulary:
            raise BadInput(
                f"the text of {example.name} must be of {symbols.units} that the "
                f"training part has, got {unit!r}.",
                example.path,
                example.line,
            )
    return symbols.vocabulary.encode(units)


def num_steps_needed(targets: np.ndarray) -> int:
    """Returns the steps that CTC needs: one per symbol, one between equal neighbours.

    Example:
      >>> num_steps_needed(np.array([3, 3, 1]))
      4
    """
    return len(targets) + int((targets[1:] == targets[:-1]).sum())


def keep_alignable(
    examples: Sequence[Example], units: str, subsampling: int, *, skip: bool
) -> tuple[list[Example], list[str]]:
    """Finds the texts that are too long for their frames.

    Args:
      examples: the examples.
      units: what texts are split into.
      subsampling: frames per step.
      skip: whether to leave them out; if not, they are an error.

    Returns:
      The other examples, and the names of those that are left out.

    Raises:
      BadInput: if there are any and `skip` is false, or no other is left.
    """
    kept, left_out = [], []
    for one in examples:
        symbols = np.asarray(split(one.text, units))
        steps = -(-len(one.values) // subsampling)
        needed = num_steps_needed(symbols)
        if needed <= steps:
            kept.append(one)
            continue
        left_out.append((one, needed, steps))
    if left_out and not skip:
        one, needed, steps = left_out[0]
        raise BadInput(
            f"{len(left_out)} of {len(examples)} texts are too long for their frames, "
            f"such as that of {one.name}, which needs {needed} steps and has {steps}; "
            "--skip-unalignable leaves them out.",
            one.path,
            one.line,
        )
    if not kept:
        raise BadInput("no text is short enough for its frames.")
    return kept, [one.name for one, *_ in left_out]
