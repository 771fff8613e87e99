"""`handwriting` against Graves' equations in NumPy, its window and its end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from rnnjax import elman, lengths_to_mask, lstm, recurrent
from rnnjax.layers import bind_text, handwriting, steps_to_end, window_weights
from tests.pytrees import assert_close, assert_same_bits, draw_like

T, B, H1, H2, K, V, N = 7, 2, 4, 5, 3, 6, 11
LENGTHS = (5, 3)
CELLS = lstm(H1), lstm(H2)
LAYER = handwriting(CELLS, N, text_size=V, num_components=K)
SIZES = {"text_size": V, "num_components": K}


def make(rng):
    params = draw_like(rng, LAYER.init(jax.random.key(0), 3))
    offsets = rng.normal(size=(T, B, 3))
    text = rng.integers(V, size=(max(LENGTHS), B))
    return params, offsets, text, lengths_to_mask(jnp.array(LENGTHS), max(LENGTHS))


def lstm_step(params, h, c, x):
    pre = x @ params["kernel"] + h @ params["recurrent_kernel"] + params["bias"]
    i, f, g, o = np.split(pre, 4)
    c = expit(f) * c + expit(i) * np.tanh(g)
    return expit(o) * np.tanh(c), c


def by_hand(params, offsets, text):
    """Returns outputs `[T, N]` and window weights `[T, S + 1]` of one sequence."""
    (first, second), head = params
    h1, c1, h2, c2 = np.zeros(H1), np.zeros(H1), np.zeros(H2), np.zeros(H2)
    w, kappa = np.zeros(V), np.zeros(K)
    rows = np.concatenate([np.eye(V)[text], np.zeros((1, V))])
    outputs, weights = [], []
    for x in offsets:
        h1, c1 = lstm_step(first["cell"], h1, c1, np.concatenate([x, w]))
        looks = first["attention"]
        a, b, k = np.split(np.exp(h1 @ looks["kernel"] + looks["bias"]), 3)
        kappa = kappa + k
        phi = [sum(a * np.exp(-b * (kappa - u) ** 2)) for u in range(1, len(rows) + 1)]
        w = np.array(phi) @ rows
        h2, c2 = lstm_step(second, h2, c2, np.concatenate([h1, w, x]))
        joined = np.concatenate([h1, w, h2])
        outputs.append(joined @ head["kernel"] + head["bias"])
        weights.append(phi)
    return np.array(outputs), np.array(weights)


def test_outputs_and_window_equal_the_equations(x64):
    params, offsets, text, mask = make(np.random.default_rng(0))
    bound = bind_text(params, text, V, mask)
    _, outputs = LAYER.apply(bound, None, offsets)
    weights = window_weights(CELLS, bound, offsets, **SIZES)
    for b, length in enumerate(LENGTHS):
        expected = by_hand(params, offsets[:, b], text[:length, b])
        assert_close(outputs[:, b], expected[0], 1e-12)
        assert_close(weights[:, b, : length + 1], expected[1], 1e-12)
        assert not weights[:, b, length + 1 :].any()


def test_padding_changes_nothing():
    rng = np.random.default_rng(1)
    params, offsets, text, mask = make(rng)
    steps = lengths_to_mask(jnp.array([T, 4]), T)

    @jax.jit
    @jax.value_and_grad
    def loss(params, offsets, text):
        bound = bind_text(params, text, V, mask)
        _, outputs = LAYER.apply(bound, None, offsets, mask=steps)
        weights = window_weights(CELLS, bound, offsets, mask=steps, **SIZES)
        return jnp.sum(outputs**2) + jnp.sum(weights)

    params = jax.tree.map(jnp.float32, params)
    results = [
        loss(
            params,
            jnp.where(steps[..., None], jnp.float32(offsets), fill),
            jnp.where(mask, text, int(token)),
        )
        for fill, token in ((0.0, 0), (np.nan, 5), (-7.0, -3))
    ]
    for result in results[1:]:
        assert_same_bits(result, results[0])


def test_the_window_begins_at_its_pace_with_heights_that_sum_to_one():
    layer = handwriting(CELLS, N, text_size=V, num_components=K, pace=0.125)
    params = layer.init(jax.random.key(0), 3)
    bias = params[0][0]["attention"]["bias"]
    np.testing.assert_allclose(
        jnp.exp(bias), [1 / 3] * 3 + [1.0] * 3 + [0.125] * 3, rtol=1e-6
    )


def test_a_text_ends_when_the_window_rests_after_it():
    weights = np.full((4, 3, 5), 0.1)
    weights[:, :, 1] = [[0.5], [0.5], [0.2], [0.2]]
    weights[2, 0, 3] = 0.3  # after the text of three characters, at step 2
    weights[1, 1, 4] = weights[3, 1, 3] = 0.9  # in the padding; and on a character
    weights[3, 2, 2] = 0.6
    found = steps_to_end(jnp.asarray(weights), jnp.array([3, 4, 2]))
    assert found.tolist() == [2, 1, 3]
    assert steps_to_end(jnp.asarray(weights), jnp.array([4, 3, 4])).tolist() == [
        4,
        3,
        4,
    ]
    assert found.dtype == jnp.int32


def test_without_text_a_stack_with_skips():
    layer = handwriting([recurrent(elman(4)), lstm(2)], N)
    params = layer.init(jax.random.key(0), 3)
    shapes = jax.tree.map(jnp.shape, params)
    assert shapes[0][1]["kernel"] == (4 + 3, 8) and shapes[1]["kernel"] == (4 + 2, N)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], N), "cells must be at least one, got none"),
        ((CELLS, 0), "num_outputs must be a positive whole"),
        (([recurrent(CELLS[0])], N, 3), "cells must begin with a cell to read a text"),
        ((CELLS, N, 0), "memory_size must be a positive whole"),
        ((CELLS, N, 3, 0), "num_components must be a positive whole"),
        ((CELLS, N, 3, 2, 0.0), "pace must be positive, got 0.0"),
    ],
)
def test_bad_options(arguments, message):
    names = ("cells", "num_outputs", "text_size", "num_components", "pace")
    with pytest.raises(ValueError, match=message):
        handwriting(**dict(zip(names, arguments)))


def test_bad_masks_and_missing_texts():
    params = LAYER.init(jax.random.key(0), 3)
    with pytest.raises(
        ValueError, match=r"mask must be bool \(5, 2\), got bool \(2, 5\)"
    ):
        bind_text(params, jnp.zeros((5, 2), int), V, jnp.ones((2, 5), bool))
    with pytest.raises(ValueError, match="no memory is bound|memory must"):
        LAYER.apply(params, None, jnp.zeros((T, B, 3)))
