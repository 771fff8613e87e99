"""`chunked_bidirectional`: each chunk by hand, as a stream, and as a whole."""

import jax
import numpy as np
import pytest

from rnnjax import bidirectional, gru, lstm
from rnnjax.layers.chunked import chunked_bidirectional, read_chunk
from rnnjax.unroll import unroll
from tests.cells.paper import B, T, draw, initial
from tests.layers.programs import apply
from tests.pytrees import assert_close, assert_same_bits, steps

CELLS = lstm(5), gru(4)


def draw_marked(dtype=np.float64):
    """Draws parameters, inputs, and marks of both kinds."""
    rng = np.random.default_rng(1)
    params, inputs = jax.tree.map(dtype, draw(bidirectional(*CELLS)))
    marks = {"mask": rng.random((T, B)) < 0.7, "is_first": rng.random((T, B)) < 0.2}
    return params, inputs, marks


@pytest.mark.parametrize(("chunk_length", "look_ahead"), [(3, 2), (2, 4), (1, 0)])
def test_backward_cell_reads_chunk_and_little_more(x64, chunk_length, look_ahead):
    params, inputs, marks = draw_marked()
    options = {"chunk_length": chunk_length, "look_ahead": look_ahead}
    layer = chunked_bidirectional(*CELLS, **options)
    carry, got = apply(layer, params, None, inputs, **marks)
    want = unroll(CELLS[0], params["forward"], inputs, **marks)
    assert_close((carry, got[..., :5]), want, 1e-13)
    for start in range(0, T, chunk_length):
        seen = slice(start, start + chunk_length + look_ahead)
        read, own_marks = steps((inputs, marks), seen)
        backward = CELLS[1], params["backward"]
        _, back = unroll(*backward, read, **own_marks, reverse=True)
        own = slice(start, min(start + chunk_length, T))
        assert_close(got[own, :, 5:], back[: own.stop - start], 1e-13)


@pytest.mark.parametrize("num_steps", [6, 7])
def test_stream_read_chunk_by_chunk_equals_the_whole(x64, num_steps):
    params, *given = draw_marked()
    inputs, marks = steps(given, slice(num_steps))
    layer = chunked_bidirectional(*CELLS, chunk_length=3, look_ahead=2)
    want = apply(layer, params, None, inputs, **marks)
    carry, outputs = None, []
    for start in range(0, num_steps, 3):
        seen, own_marks = steps((inputs, marks), slice(start, start + 5))
        arguments = *CELLS, params, carry, seen
        carry, output = read_chunk(*arguments, chunk_length=3, **own_marks)
        outputs.append(output)
    assert_close((carry, np.concatenate(outputs)), want, 1e-13)


@pytest.mark.parametrize("chunk_length", [T, 20])
def test_one_chunk_is_bidirectional(chunk_length):
    params, inputs, marks = draw_marked(np.float32)
    layer = chunked_bidirectional(*CELLS, chunk_length=chunk_length, look_ahead=2)
    for own in ({}, marks):
        _, want = apply(bidirectional(*CELLS), params, None, inputs, **own)
        assert_close(apply(layer, params, None, inputs, **own)[1], want, 1e-6)


def test_no_steps_are_no_error():
    params, inputs, _ = draw_marked()
    layer = chunked_bidirectional(*CELLS, chunk_length=3, look_ahead=2)
    assert apply(layer, params, None, inputs[:0])[1].shape == (0, B, 9)


def test_one_cell_serves_both_ways_with_parameters_of_its_own():
    layer = chunked_bidirectional(gru(5), chunk_length=3, look_ahead=0)
    params = initial(layer)
    assert_same_bits(params, initial(bidirectional(gru(5))))


def test_bad_lengths_are_refused():
    with pytest.raises(ValueError, match="chunk_length must be a positive whole numb"):
        chunked_bidirectional(gru(5), chunk_length=0, look_ahead=2)
    with pytest.raises(ValueError, match="look_ahead must be 0 or more, got -1"):
        chunked_bidirectional(gru(5), chunk_length=3, look_ahead=-1)
