"""Windows of a text, against loops over its tokens."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.shared.windows import (
    contiguous_streams,
    evaluation_windows,
    independent_windows,
    window,
    windows_per_epoch,
)
from tests.refusals import refuses


def random_tokens(size):
    return np.random.default_rng(size).integers(0, 1000, size, np.int32)


@pytest.mark.parametrize(
    ("size", "batch_size", "num_steps", "per_epoch"),
    [
        (107, 5, 4, 5),
        (26, 3, 4, 1),  # the 8th token of a stream is never a target
        (420, 20, 20, 1),  # the shortest text
    ],
)
def test_windows_are_those_of_zarembas_reader(size, batch_size, num_steps, per_epoch):
    """Compares with a loop over epochs and batches, in the order of training."""
    tokens = random_tokens(size)
    streams = contiguous_streams(tokens, batch_size, num_steps)
    assert streams.dtype == np.int32
    assert windows_per_epoch(streams, num_steps) == per_epoch
    length = len(tokens) // batch_size
    index = 0
    for _ in range(3):
        for start in range(0, (length - 1) // num_steps * num_steps, num_steps):
            got = window(streams, index, num_steps)
            for b in range(batch_size):
                for t in range(num_steps):
                    place = b * length + start + t
                    assert got.inputs[b, t] == tokens[place]
                    assert got.targets[b, t] == tokens[place + 1]
                    assert got.is_first[b, t] == (start == 0 and t == 0)
            index += 1


TEXT, GRID = np.zeros(50, np.int32), np.zeros((5, 10), np.int32)
SHORT = random_tokens(419)
STREAMS = contiguous_streams(TEXT, 2, 3)
AFTER_3 = functools.partial(evaluation_windows, previous=3)
NOT_A_TEXT = r"integers with one axis, got \w+ of shape"


test_bad_arguments = refuses(
    (contiguous_streams, SHORT, 20, 20, "at least 420 tokens, a ba.*, got 419: "),
    (contiguous_streams, np.zeros(50), 2, 3, NOT_A_TEXT),
    (contiguous_streams, GRID, 2, 3, NOT_A_TEXT),
    (evaluation_windows, np.zeros(50), 3, NOT_A_TEXT),
    (evaluation_windows, GRID, 3, NOT_A_TEXT),
    (contiguous_streams, TEXT, 0, 3, "batch_size must be positive, got 0"),
    (contiguous_streams, TEXT, 2, -1, "num_steps must be positive, got -1"),
    (independent_windows, TEXT, 3, 0, "batch_size must be positive, got 0"),
    (window, STREAMS, -1, 3, "index must be zero or more, got -1"),
    (window, STREAMS, 0, 25, "longer than num_steps 25, got 25 tokens"),
    (evaluation_windows, TEXT[:0], 4, "at least one to predict, got none"),
    (evaluation_windows, TEXT[:1], 4, "at least one to predict, got none"),
    (AFTER_3, TEXT[:0], 4, "at least one to predict, got none"),
)


@given(st.integers(1, 60), st.integers(1, 13), st.integers(1, 9))
def test_every_token_is_counted_once(size, num_steps, batch_size):
    """The shape of a batch does not depend on the size of the text."""
    tokens = np.arange(1, size + 1, dtype=np.int32)
    windows = list(independent_windows(tokens, num_steps, batch_size, previous=0))
    counted = np.concatenate([part.targets[part.mask] for part in windows])
    np.testing.assert_array_equal(np.sort(counted), tokens)
    for part in windows:
        assert part.inputs.shape == part.targets.shape == (batch_size, num_steps)
        before = part.targets[part.mask] - 1  # each token from the one before it
        np.testing.assert_array_equal(part.inputs[part.mask], before)


def test_one_stream_reads_the_text_in_order():
    tokens = random_tokens(10)
    windows = list(evaluation_windows(tokens, 4))
    inputs = np.concatenate([part.inputs[0] for part in windows])
    targets = np.concatenate([part.targets[0] for part in windows])
    mask = np.concatenate([part.mask[0] for part in windows])
    assert windows[0].inputs.shape == (1, 4)
    np.testing.assert_array_equal(inputs[:9], tokens[:-1])
    np.testing.assert_array_equal(targets[:9], tokens[1:])
    np.testing.assert_array_equal(mask, [True] * 9 + [False] * 3)


def test_independent_windows_are_the_rows_of_a_batch():
    tokens = random_tokens(23)
    (batch,) = independent_windows(tokens, 5, 5, previous=7)
    np.testing.assert_array_equal(batch.inputs[:, 0], [7, *tokens[[4, 9, 14, 19]]])
    np.testing.assert_array_equal(batch.targets[1], tokens[5:10])
    np.testing.assert_array_equal(batch.mask.sum(1), [5, 5, 5, 5, 3])
