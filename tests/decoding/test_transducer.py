"""Greedy decoding of a transducer against a loop over single rows and frames."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.kit_speed.prefix_beam_loop import log_softmax
from rnnjax import dense, embed, gru, lstm, recurrent, stack
from rnnjax.decoding import transducer_greedy
from tests.decoding.models import draw_params
from tests.pytrees import assert_close

T, B, D, V, CAP, START = 7, 4, 5, 6, 3, 1
BLANK = 4


def join(params, encoded, predicted):
    return jnp.tanh(encoded + predicted) @ params["kernel"] + params["bias"]


@functools.cache
def model():
    layer = stack(embed(3), recurrent(lstm(4)), dense(D))
    rng = np.random.default_rng(6)
    kernel = rng.normal(scale=2, size=(D, V)).astype(np.float32)
    bias = np.zeros(V, np.float32)
    bias[BLANK] = 1.5
    return layer, (draw_params(layer, V), {"kernel": kernel, "bias": bias})


def draw():
    rng = np.random.default_rng(2)
    encoded = rng.normal(scale=2, size=(T, B, D)).astype(np.float32)
    mask = rng.random((T, B)) < 0.7
    mask[:, 0], mask[:, 1] = True, False
    return encoded, mask


def decode(encoded, **options):
    layer, params = model()
    options = {"start": START, "blank": BLANK, "max_symbols": CAP} | options
    return transducer_greedy(encoded, layer, join, params, **options)


@jax.jit
def predict(tokens):
    layer, (params, _) = model()
    return layer.apply(params, None, tokens)[1]


def loop(encoded, frames):
    """Reads all labels anew for each symbol, as the definition says."""
    _, (_, params) = model()
    tokens, emitted_at, total, capped = [], [], 0.0, 0
    for frame in frames:
        for count in range(CAP + 1):
            if count == CAP:
                capped += 1
                break
            read = np.zeros(T * CAP + 1, int)
            read[: len(tokens) + 1] = [START, *tokens]
            predicted = np.asarray(predict(read))[len(tokens)]
            nats = log_softmax(join(params, encoded[frame], predicted))
            total += nats.max()
            if nats.argmax() == BLANK:
                break
            tokens.append(int(nats.argmax()))
            emitted_at.append(frame)
    return tokens, emitted_at, total, capped


def test_equals_the_loop():
    encoded, mask = draw()
    found = decode(np.where(mask[..., None], encoded, np.nan), mask=mask)
    for row in range(B):
        tokens, frames, total, capped = loop(
            encoded[:, row], np.flatnonzero(mask[:, row])
        )
        length = found.lengths[row]
        assert found.tokens[:length, row].tolist() == tokens
        assert found.frames[:length, row].tolist() == frames
        assert not found.tokens[length:, row].any()
        assert found.capped[row] == capped
        assert_close(found.log_probs[row], total, 1e-5)
    assert found.capped.sum() > 0 and found.lengths[1] == 0
    assert len(np.unique(found.lengths)) > 2


def test_chunks_rows_and_ranks_equal_the_whole():
    encoded, mask = draw()
    whole = decode(encoded, mask=mask)
    carry, tokens = None, [[] for _ in range(B)]
    for start in range(0, T, 3):
        at = slice(start, start + 3)
        chunk = decode(encoded[at], mask=mask[at], carry=carry)
        carry = chunk.carry
        for row in range(B):
            tokens[row] += chunk.tokens[: chunk.lengths[row], row].tolist()
    for row in range(B):
        assert whole.tokens[: whole.lengths[row], row].tolist() == tokens[row]
    shaped = decode(encoded.reshape(T, 2, 2, D), mask=mask.reshape(T, 2, 2))
    np.testing.assert_array_equal(shaped.tokens.reshape(-1, B), whole.tokens)
    alone = decode(encoded[:, 2], mask=mask[:, 2])
    np.testing.assert_array_equal(alone.tokens, whole.tokens[:, 2])


def test_without_frames_nothing_is_emitted():
    assert decode(draw()[0][:0]).lengths.tolist() == [0] * B


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoded": np.zeros(D)}, r"encoded must be \[T, ..., D\], got shape \(5,\)"),
        ({"max_symbols": 0}, "max_symbols must be a positive whole number, got 0"),
        ({"blank": V}, "blank must be from 0 to 5, got 6"),
        ({"mask": np.ones((T, 1), bool)}, r"mask must be bool of shape \(7, 4\), got"),
        (
            {"predictor": recurrent(gru(5), reverse=True)},
            "predictor must be causal, got a layer without a step",
        ),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    layer, params = model()
    arguments = {"encoded": draw()[0], "predictor": layer, "join": join}
    arguments |= {"params": params, "start": START}
    with pytest.raises(ValueError, match=message):
        transducer_greedy(**arguments | changes)
