r"""One answer per line of input, for the uses of trained runs.

  python -m experiments.char_lm --resume RUN --score < lines.txt
  python -m experiments.char_lm --resume RUN --score --input lines.txt --format jsonl

Every answer is written at once, so the command can stand in a pipe or serve another
program. A bad line is answered by its message, and the lines after it are read on.
"""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO

from experiments.harness import flag

Format = Literal["text", "jsonl"]


class Answer(NamedTuple):
    """The answer to one line.

    Attributes:
      text: what is written in the format `text`, without line ends.
      fields: what is written in the format `jsonl`, as JSON has it.
    """

    text: str
    fields: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class AnsweringFlags:
    """The flags of a use that answers lines."""

    input: Path | None = flag(None, "file of lines to answer; none: standard input")
    format: Format = flag(
        "text",
        "text: one answer per line; jsonl: one JSON object per line, with the number "
        "of the line, and error where it is bad",
    )
    encoding: str = flag("utf-8", "encoding of the input")


@dataclasses.dataclass(frozen=True)
class PredictFlags(AnsweringFlags):
    """The flags of a use that names a class for each line."""

    probabilities: bool = flag(False, "also give the probability of every class")


def answer(
    lines: Iterable[bytes],
    reply: Callable[[str], Answer],
    output: TextIO,
    *,
    format: Format = "text",
    encoding: str = "utf-8",
) -> int:
    r"""Answers lines one by one.

    Args:
      lines: the lines, with or without their ends.
      reply: `reply(line)`, which raises a `ValueError`, such as `BadInput`, for a line
        that it cannot answer.
      output: where answers are written, each flushed at once.
      format: text or jsonl.
      encoding: the encoding of the lines.

    Returns:
      The number of bad lines.

    Example:
      >>> def reply(line):
      ...     return Answer(str(int(line) + 1), {"next": int(line) + 1})
      >>> answer([b"1\n", b"x\n", b"3\n"], reply, sys.stdout)
      2
      error: line 2: invalid literal for int() with base 10: 'x'
      4
      1
    """
    num_bad = 0
    for number, content in enumerate(lines, 1):
        try:
            line = content.decode(encoding)
            if number == 1:
                line = line.removeprefix("\ufeff")
            text, fields = reply(line.rstrip("\r\n"))
        except ValueError as error:
            num_bad += 1
            message = " ".join(str(error).split())
            text, fields = f"error: line {number}: {message}", {"error": message}
        if format == "jsonl":
            text = json.dumps({"line": number, **fields}, ensure_ascii=False)
        print(text, file=output, flush=True)
    return num_bad


def answer_from(flags: AnsweringFlags, reply: Callable[[str], Answer]) -> int:
    """Answers the lines of the flags' input on standard output.

    Args:
      flags: the flags.
      reply: see `answer`.

    Returns:
      The number of bad lines.
    """
    options: dict[str, Any] = {"format": flags.format, "encoding": flags.encoding}
    try:
        if flags.input is None:
            return answer(sys.stdin.buffer, reply, sys.stdout, **options)
        with flags.input.open("rb") as lines:
            return answer(lines, reply, sys.stdout, **options)
    except BrokenPipeError:  # whoever read the answers has read enough
        sys.stdout = None
        return 0


def round_up(length: int, least: int = 16) -> int:
    """Rounds a length up to a power of two, so that few lengths are compiled.

    Pad to the rounded length and mask the padding: two lengths with the same rounding
    then share one compiled program.

    Args:
      length: number of steps, positive.
      least: the smallest result, a power of two.

    Returns:
      The smallest power of two that is at least `length` and `least`.

    Example:
      >>> [round_up(length) for length in (1, 16, 17, 100)]
      [16, 16, 32, 128]
    """
    return max(least, 1 << (length - 1).bit_length())
