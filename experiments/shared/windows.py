"""Cuts a text of tokens into windows, for training and for evaluation.

All windows are batch first, `[batch_size, num_steps]`, as the NNX modules read them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """The batch of one update of truncated backpropagation through time.

    Attributes:
      inputs: `[batch_size, num_steps]` int32.
      targets: `[batch_size, num_steps]` int32, the tokens that follow the inputs.
      is_first: `[batch_size, num_steps]` bool, true where a stream starts over and the
        carry must be reset.
    """

    inputs: np.ndarray
    targets: np.ndarray
    is_first: np.ndarray


class EvaluationWindow(NamedTuple):
    """The batch of one step of an evaluation.

    Attributes:
      inputs: `[batch_size, num_steps]` int32.
      targets: `[batch_size, num_steps]` int32, the tokens that follow the inputs.
      mask: `[batch_size, num_steps]` bool, false at padding.
    """

    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray


def contiguous_streams(
    tokens: np.ndarray, batch_size: int, num_steps: int
) -> np.ndarray:
    """Cuts a text into equal streams that are read side by side.

    Stream b is the b-th part of the text; up to `batch_size - 1` tokens at the end are
    unused.

    Args:
      tokens: `[num_tokens]` int32.
      batch_size: number of streams.
      num_steps: steps of the windows that will be read from them.

    Returns:
      `[batch_size, num_tokens // batch_size]` int32.

    Raises:
      ValueError: if a size is not positive, `tokens` is not a vector of integers, or
        it is shorter than one batch of windows.

    References:
      Zaremba, Sutskever and Vinyals, "Recurrent Neural Network Regularization", 2014,
      and the authors' reader of the data.
    """
    tokens = _checked(tokens, batch_size=batch_size, num_steps=num_steps)
    needed = batch_size * (num_steps + 1)
    if len(tokens) < needed:
        raise ValueError(
            f"the training text must have at least {needed:,} tokens, a batch of "
            f"{batch_size:,} windows of {num_steps:,} steps and their next tokens, got "
            f"{len(tokens):,}: take fewer or shorter windows, or a longer text."
        )
    length = len(tokens) // batch_size
    return tokens[: batch_size * length].reshape(batch_size, length)


def windows_per_epoch(streams: np.ndarray, num_steps: int) -> int:
    """Returns how many whole windows `streams` `[batch_size, length]` hold.

    The last token of each stream is only a target, hence `(length - 1) // num_steps`.
    """
    return (streams.shape[1] - 1) // num_steps


def window(streams: np.ndarray, index: int, num_steps: int) -> Window:
    """Returns the window of update `index`, a function of `index` alone.

    Consecutive updates read consecutive windows. After the last whole window the
    streams start over, and `is_first` is true at the first step.

    Args:
      streams: `[batch_size, length]` int32, from `contiguous_streams`.
      index: number of the update, from 0, in any epoch.
      num_steps: steps of a window.

    Returns:
      The window.

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
    part = streams[:, start : start + num_steps + 1]
    is_first = np.zeros((streams.shape[0], num_steps), bool)
    is_first[:, 0] = start == 0
    return Window(part[:, :-1], part[:, 1:], is_first)


def evaluation_windows(
    tokens: np.ndarray, num_steps: int, *, previous: int | None = None
) -> Iterator[EvaluationWindow]:
    """Yields consecutive windows in which every token is a target exactly once.

    With the carry handed on from window to window, every token is predicted from all
    tokens before it. All windows have the same shape `[1, num_steps]`, whatever the
    length of the text; the last one is padded.

    Args:
      tokens: `[num_tokens]` int32.
      num_steps: steps of a window.
      previous: the token before the text (the last one of the training text, or the
        end of a line), from which the first one is predicted; None: the first token is
        read but not predicted.

    Yields:
      The windows in order of time.

    Raises:
      ValueError: if a size is not positive, `tokens` is not a vector of integers, or
        there is no token to predict.
    """
    return independent_windows(tokens, num_steps, 1, previous=previous)


def independent_windows(
    tokens: np.ndarray, num_steps: int, batch_size: int, *, previous: int | None = None
) -> Iterator[EvaluationWindow]:
    """Yields batches of windows in which every token is a target exactly once.

    Consecutive windows are the rows of a batch; each is meant to start from the
    initial carry. All batches have the same shape `[batch_size, num_steps]`, whatever
    the length of the text; the last one is padded.

    Args:
      tokens: `[num_tokens]` int32.
      num_steps: steps of a window.
      batch_size: windows per batch.
      previous: see `evaluation_windows`.

    Yields:
      The batches in order of time.

    Raises:
      ValueError: as `evaluation_windows`.
    """
    tokens = _checked(tokens, num_steps=num_steps, batch_size=batch_size)
    if previous is not None:
        tokens = np.concatenate([np.asarray([previous], tokens.dtype), tokens])
    num_targets = len(tokens) - 1
    if num_targets < 1:
        raise ValueError("tokens must hold at least one to predict, got none.")
    return _padded_batches(tokens, num_targets, num_steps, batch_size)


def _padded_batches(tokens, num_targets, num_steps, batch_size):
    size, shape = batch_size * num_steps, (batch_size, num_steps)

    def pad(values, dtype):
        padded = np.zeros(size, dtype)
        padded[: len(values)] = values
        return padded.reshape(shape)

    for start in range(0, num_targets, size):
        end = min(start + size, num_targets)
        yield EvaluationWindow(
            pad(tokens[start:end], np.int32),
            pad(tokens[start + 1 : end + 1], np.int32),
            pad(np.ones(end - start, bool), bool),
        )


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
