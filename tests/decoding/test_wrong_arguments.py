"""What the decoders refuse, by its message."""

import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import gru, recurrent
from rnnjax.decoding import (
    beam_search,
    block_repeats,
    coverage_penalty,
    gnmt_penalty,
    least_length,
    length_penalty,
)
from tests.decoding.models import draw_trees, tree_layer

V, L, B = 4, 3, 2
PROMPT = np.zeros((1, B), int)


def nothing(tokens, step, vocab_size):
    return jnp.zeros(vocab_size, bool)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer": recurrent(gru(5), reverse=True)}, "layer must be causal, got one"),
        ({"num_steps": 0}, "num_steps must be a positive whole number, got 0"),
        ({"beam_size": 0}, "beam_size must be a positive whole number, got 0"),
        ({"num_best": 0}, "num_best must be a positive whole number, got 0"),
        ({"num_best": 5}, "num_best must be at most 4, the beams of a group, got 5"),
        ({"num_groups": 3}, "num_groups must divide beam_size = 4, got 3"),
        ({"num_groups": 2, "num_best": 3}, "num_best must be at most 2, the beams of"),
        ({"diversity": -0.5}, "diversity must be 0 or more, got -0.5"),
        ({"prompt": PROMPT[:0]}, r"prompt must hold a token, got shape \(0, 2\)"),
        ({"prompt": PROMPT * 1.0}, "prompt must be integer tokens, got float32"),
        ({"mask": np.ones((2, B), bool)}, r"mask must be bool of shape \(1, 2\), got"),
        ({"end": V}, "end must be a token below 4, got 4"),
        ({"end": (0, -1)}, "end must be a token below 4, got -1"),
        (
            {"prefix": np.zeros((4, B), int)},
            "prefix must have at most num_steps = 3",
        ),
        ({"prefix": np.zeros(1, int)}, r"prefix must be integers of shape \('Q', 2\)"),
        ({"prefix": np.zeros((1, B))}, "prefix must be integers of shape"),
        ({"vocabulary": np.zeros(V, bool)}, "vocabulary must leave a token in every r"),
        (
            {"vocabulary": np.array([[1, 0, 0, 1], [0, 0, 0, 0]], bool)},
            "vocabulary must leave a token in every row",
        ),
        ({"vocabulary": np.ones(V)}, "vocabulary must be bool with an axis of tokens"),
        (
            {"vocabulary": np.ones(5, bool)},
            "vocabulary must have a last axis of 4",
        ),
        ({"constraints": [nothing]}, "constraints must leave a token to begin with"),
        ({"coverage": coverage_penalty(0.2)}, "layer must show attention weights for"),
        ({"memory_mask": np.ones((3, B), bool)}, "memory_mask must come with a cover"),
    ],
)
def test_beam_search_refuses(changes, message):
    arguments = {
        "layer": tree_layer(V),
        "params": draw_trees(0, (B,), V, L),
        "prompt": PROMPT,
        "num_steps": L,
        "beam_size": 4,
        "end": V - 1,
    }
    with pytest.raises(ValueError, match=message):
        beam_search(**(arguments | changes))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: length_penalty(float("nan")), "alpha must be finite, got nan"),
        (lambda: gnmt_penalty(float("inf")), "alpha must be finite, got inf"),
        (lambda: coverage_penalty(-0.1), "beta must be 0 or more, got -0.1"),
        (lambda: coverage_penalty(float("nan")), "beta must be finite, got nan"),
        (lambda: coverage_penalty(0.1, floor=0.0), "floor must be above 0 and at most"),
        (lambda: block_repeats(0), "size must be a positive whole number, got 0"),
        (lambda: least_length(0, end=3), "length must be a positive whole number, go"),
    ],
)
def test_makers_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()
