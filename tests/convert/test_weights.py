"""Names, shapes and dtypes of foreign weights, refused with which, expected and got."""

import jax
import numpy as np

from rnnjax import elman, gru, lstm
from rnnjax.convert.weights import (
    flat,
    gates_of,
    matrix_shape,
    nested,
    nothing_like,
    read_params,
    read_weights,
)
from tests.convert.exchange import H, draw_params, message_of

SHAPES = {"w": (2, 3), "b": (3,)}


def weights(**changed):
    return {"w": np.ones((2, 3), np.float32), "b": np.ones(3, np.float32), **changed}


def test_what_is_wrong_is_named():
    for changed, message in (
        ({"b": np.ones((1, 3))}, "['b'] must be [3], got [1, 3]."),
        ({"x": 1, "y": 2}, " must have no names but w, b, got x, y too."),
        ({"w": np.ones((2, 3), int)}, "['w'] must be floating, got int64[2, 3]."),
    ):
        given = "weights", weights(**changed), SHAPES
        assert message_of(read_weights, *given) == f"weights{message}"
    args = "weights", {"w": np.ones((2, 3))}, SHAPES
    assert message_of(read_weights, *args) == "weights must have b, got w."
    assert message_of(matrix_shape, "x", {}, "w") == "x must have w, got nothing."
    assert message_of(matrix_shape, "x", {"w": np.ones(4)}, "w") == (
        "x['w'] must be a matrix, got [4]."
    )


def test_weights_are_copied_and_keep_their_dtype():
    given = weights(w=jax.numpy.ones((2, 3), jax.numpy.bfloat16))
    read = read_weights("weights", given, SHAPES)
    assert [x.dtype for x in read.values()] == [jax.numpy.bfloat16, np.float32]
    read["b"][:] = 7
    assert (given["b"] == 1).all()


def test_params_of_another_cell_and_unknown_makers_are_refused():
    assert message_of(read_params, draw_params(lstm(H)), gru) == (
        "params must have candidate_bias, got bias, kernel, recurrent_kernel."
    )
    assert message_of(read_params, draw_params(elman(H)), lstm) == (
        f"params['bias'] must be [20], got [{H}]."
    )
    message = "maker must be elman or gru or lstm, got cos."
    assert message_of(gates_of, np.cos) == message


def test_nothing_added_keeps_the_sign_of_zero_and_nested_undoes_flat():
    bias = np.array([0.0, -0.0, 1.5], np.float32)
    assert (bias + nothing_like(bias)).tobytes() == bias.tobytes()
    tree = {"a/b": {"w": 1, "b": 2}, "c": {"w": 3}}
    assert nested(flat(tree)) == tree
