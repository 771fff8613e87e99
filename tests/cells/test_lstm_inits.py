"""How the LSTM's relatives draw what recurs: every block by itself, orthogonal."""

import jax
import numpy as np
import pytest

from rnnjax.cells.gru_convolutional import gru_convolutional
from rnnjax.cells.janet import janet
from rnnjax.cells.lstm_convolutional import lstm_convolutional
from rnnjax.cells.lstm_full_gate import lstm_full_gate
from rnnjax.cells.lstm_layer_norm import lstm_layer_norm
from rnnjax.cells.lstm_multiplicative import lstm_multiplicative
from rnnjax.cells.lstm_projected import lstm_projected
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.cells.slstm import slstm
from tests.loop import in_numpy

D, H = 3, 8


@pytest.mark.parametrize(
    ("cell", "input_size", "blocks"),
    [
        (lstm_variant(H, gates="o"), D, {"recurrent_kernel": 2}),
        (lstm_projected(H, 5), D, {"recurrent_kernel": 4}),
        (lstm_layer_norm(H), D, {"recurrent_kernel": 4}),
        (
            lstm_multiplicative(H),
            D,
            {"recurrent_kernel": 4, "recurrent_factor_kernel": 1},
        ),
        (lstm_full_gate(H), D, {"recurrent_kernel": 4, "gate_kernel": 3}),
        (janet(H), D, {"recurrent_kernel": 2}),
        (slstm(H, num_heads=2), D, {"recurrent_kernel": 8}),
        (lstm_convolutional(H, (4,), (3,)), (4, D), {"recurrent_kernel": 4}),
        (
            gru_convolutional(H, (4,), (3,)),
            (4, D),
            {"recurrent_kernel": 2, "candidate_kernel": 1},
        ),
    ],
)
def test_every_block_is_orthogonal(cell, input_size, blocks):
    params = in_numpy(lambda key: cell.init(key, input_size))(jax.random.key(0))
    drawn = []
    for name, num_blocks in blocks.items():
        matrix = np.asarray(params[name])
        matrix = matrix.reshape(-1, matrix.shape[-1])
        drawn += np.split(matrix, num_blocks, axis=1)
    for block in drawn:
        singular = np.linalg.svd(block, compute_uv=False)
        np.testing.assert_allclose(singular, 1, atol=1e-5)
    for first, second in zip(drawn, drawn[1:]):
        assert first.shape != second.shape or not np.allclose(first, second, atol=0.1)


@pytest.mark.parametrize(
    ("make", "input_size"),
    [
        (lambda **options: lstm_projected(H, 5, **options), D),
        (lambda **options: lstm_layer_norm(H, **options), D),
        (lambda **options: lstm_full_gate(H, **options), D),
        (lambda **options: lstm_convolutional(H, (4,), (3,), **options), (4, D)),
    ],
)
def test_forget_bias_is_added_to_what_is_drawn(make, input_size):
    cell = make(forget_bias=2.5, bias_init=jax.nn.initializers.constant(-1.0))
    bias = in_numpy(lambda key: cell.init(key, input_size)["bias"])(jax.random.key(0))
    np.testing.assert_array_equal(bias, np.repeat([-1.0, 1.5, -1.0, -1.0], H))
    plain = jax.eval_shape(
        lambda key: make(use_bias=False).init(key, input_size), jax.random.key(0)
    )
    assert not {name for name in plain if "bias" in name}
