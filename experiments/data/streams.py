"""Cuts a text of tokens into windows, for training and for evaluation."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """What one update of truncated backpropagation through time reads.

    Attributes:
      inputs: `[num_steps, batch_size]` int32.
      targets: `[num_steps, batch_size]` int32, the tokens that follow the inputs.
      is_first: `[num_steps, batch_size]` bool, true where a stream begins anew, so
        that the carry must not be handed on.
    """

    inputs: np.ndarray
    targets: np.ndarray
    is_first: np.ndarray


class EvaluationWindow(NamedTuple):
    """What one step of an evaluation reads.

    Attributes:
      inputs: `[num_steps, num_streams]` int32.
      targets: `[num_steps, num_streams]` int32, the tokens that follow the inputs.
      mask: `[num_steps, num_streams]` bool, false past the end of a stream.
    """

    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray


def contiguous_streams(
    tokens: np.ndarray, batch_size: int, num_steps: int
) -> np.ndarray:
    """Cuts a text into equal streams that are read side by side.

    Stream b is the b-th part of the text; up to `batch_size - 1` tokens at its end
    are left over.

    Args:
      tokens: `[num_tokens]` int32.
      batch_size: number of streams.
      num_steps: length of the windows that are to be read from them.

    Returns:
      `[batch_size, num_tokens // batch_size]` int32.

    Raises:
      ValueError: if a size is not positive, the tokens are not a text of tokens, or
        they are fewer than a batch of windows needs.

    References:
      Zaremba, Sutskever & Vinyals, "Recurrent Neural Network Regularization", 2014,
      and the authors' reader of the data.
    """
    tokens = _checked(tokens, batch_size=batch_size, num_steps=num_steps)
    needed = batch_size * (num_steps + 1)
    if len(tokens) < needed:
        raise ValueError(
            f"tokens must number at least {needed:,} = batch_size {batch_size:,} x "
            f"(num_steps {num_steps:,} + 1), got {len(tokens):,}: take fewer or "
            "shorter windows, or a longer text."
        )
    length = len(tokens) // batch_size
    return tokens[: batch_size * length].reshape(batch_size, length)


def windows_per_epoch(streams: np.ndarray, num_steps: int) -> int:
    """Returns how many whole windows `streams` `[batch_size, length]` hold.

    Each stream's last token is a target only, hence `(length - 1) // num_steps`.
    """
    return (streams.shape[1] - 1) // num_steps


def window(streams: np.ndarray, index: int, num_steps: int) -> Window:
    """Returns the window of update `index`, which depends on nothing else.

    Window after window goes along the streams; after the last whole one the streams
    begin anew, with `is_first` true at that window's first step.

    Args:
      streams: `[batch_size, length]` int32, from `contiguous_streams`.
      index: number of the update, from 0, in whichever epoch.
      num_steps: steps of a window.

    Returns:
      The window, time first.

    Raises:
      ValueError: if `index` is negative or the streams are shorter than a window.
    """
    num_windows = windows_per_epoch(streams, num_steps)
    if num_windows < 1:
        raise ValueError(
            f"streams must be longer than num_steps {num_steps:,}, "
            f"got {streams.shape[1]:,} tokens each."
        )
    if index < 0:
        raise ValueError(f"index must be zero or more, got {index}.")
    start = index % num_windows * num_steps
    part = np.ascontiguousarray(streams[:, start : start + num_steps + 1].T)
    is_first = np.zeros((num_steps, streams.shape[0]), bool)
    is_first[0] = start == 0
    return Window(part[:-1], part[1:], is_first)


def evaluation_windows(
    tokens: np.ndarray,
    num_steps: int,
    *,
    previous: int | None = None,
    num_streams: int = 1,
) -> Iterator[EvaluationWindow]:
    """Yields windows in which every token is a target exactly once.

    With the carry handed on from window to window, one stream evaluates the text
    exactly: every token is predicted from all that stand before it. Several streams
    are faster; only the first symbols of each then know less. With as many streams as
    windows, `-(-len(tokens) // num_steps)`, there is one batch of windows that each
    start from the initial carry.

    All windows have the same shape; the mask is false in what fills up the last ones.

    Args:
      tokens: `[num_tokens]` int32.
      num_steps: steps of a window.
      previous: the token before the text (the last one of the training text, or the
        end of a line), from which the first one is predicted; None: there is none,
        and the first token is read but not counted.
      num_streams: number of parts of the text that are read side by side.

    Yields:
      The windows in order of time.

    Raises:
      ValueError: if a size is not positive, or the tokens are not a text with at
        least one to predict.
    """
    tokens = _checked(tokens, num_steps=num_steps, num_streams=num_streams)
    if previous is not None:
        tokens = np.concatenate([np.asarray([previous], tokens.dtype), tokens])
    num_targets = len(tokens) - 1
    if num_targets < 1:
        raise ValueError("tokens must hold at least one to predict, got none.")
    stream_length = -(-num_targets // num_streams)
    num_windows = -(-stream_length // num_steps)

    def stream(values):
        ragged = np.zeros(num_streams * stream_length, values.dtype)
        ragged[:num_targets] = values
        padded = np.zeros((num_windows * num_steps, num_streams), values.dtype)
        padded[:stream_length] = ragged.reshape(num_streams, stream_length).T
        return padded.reshape(num_windows, num_steps, num_streams)

    parts = map(stream, (tokens[:-1], tokens[1:], np.ones(num_targets, bool)))
    return map(EvaluationWindow, *parts)


def _checked(tokens, **sizes) -> np.ndarray:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be positive, got {size}.")
    tokens = np.asarray(tokens)
    if tokens.ndim != 1 or not np.issubdtype(tokens.dtype, np.integer):
        raise ValueError(
            "tokens must be integers with one axis, "
            f"got {tokens.dtype} of shape {tokens.shape}."
        )
    return tokens.astype(np.int32, copy=False)
