"""`FrameForecaster` against its equations, `generate`, and an LSTM."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.special import expit

from rnnjax import lstm
from rnnjax.cells.lstm_convolutional import lstm_convolutional
from rnnjax.decoding import generate
from rnnjax.models.frame_forecaster import FrameForecaster
from tests.pytrees import assert_close

B, T, K = 2, 3, 4
HEIGHT, WIDTH, PATCH, PLANE = 4, 9, (2, 3), (2, 3)
CELLS = [lstm_convolutional(size, PLANE, (3, 1)) for size in (2, 5)]
VECTOR_CELL = lstm_convolutional(3, (1, 1), (1, 1))
FRAMES = np.random.default_rng(0).random((B, T, HEIGHT, WIDTH))


def make(cells, patch_size):
    """Makes a model with float64 parameters, and returns them in NumPy."""
    model = FrameForecaster(
        (HEIGHT, WIDTH), cells, patch_size=patch_size, rngs=nnx.Rngs(0)
    )
    rng = np.random.default_rng(1)
    state = jax.tree.map(lambda x: 0.5 * rng.normal(size=x.shape), nnx.state(model))
    nnx.update(model, state)
    return model, nnx.as_pure(model.network.params)


def cut(frame):
    """`[height, width] -> [rows, columns, pixels]`, patch by patch."""
    (rows, columns), (down, right) = PLANE, PATCH
    patches = np.empty((rows, columns, down * right))
    for i, j in np.ndindex(rows, columns):
        block = frame[i * down : (i + 1) * down, j * right : (j + 1) * right]
        patches[i, j] = block.ravel()
    return patches


def test_frames_equal_the_equations(x64):
    model, (_, cells, head, _) = make(CELLS, PATCH)
    got = jax.jit(model, static_argnums=1)(FRAMES, K)
    step = [jax.jit(cell.step) for cell in CELLS]
    for b in range(B):
        carries = [cell.initial_carry(own) for cell, own in zip(CELLS, cells)]
        before = np.zeros((HEIGHT, WIDTH))
        for t in range(T - 1 + K):
            frame = FRAMES[b, t] if t < T else expit(logits)  # noqa: F821
            z = np.concatenate([cut(frame), cut(frame - before)], axis=-1)
            shown, read = [], z
            for i, own in enumerate(cells):
                carries[i], h = step[i](own, carries[i], read)
                shown.append(h)
                read = np.concatenate([h, z], axis=-1)
            patches = np.concatenate(shown, axis=-1) @ head["kernel"] + head["bias"]
            before, logits = frame, np.asarray(got[b, t])
            assert_close(cut(logits), np.asarray(patches), 1e-12)


def test_generate_gives_the_same_forecast(x64):
    model, params = make(CELLS, PATCH)
    generated = generate(
        model.network.layer,
        params,
        jnp.swapaxes(jnp.asarray(FRAMES), 0, 1),
        K,
        jax.random.key(0),
        sampler=lambda key, logits: jax.nn.sigmoid(logits),
    )
    expected = jax.nn.sigmoid(jax.jit(model, static_argnums=1)(FRAMES, K)[:, T - 1 :])
    assert_close(jnp.swapaxes(generated.drawn, 0, 1), expected, 1e-13)


def test_a_plane_of_one_position_is_a_vector(x64):
    """The forecaster is then an LSTM that reads whole frames."""
    model, (_, (own,), head, _) = make([VECTOR_CELL], (HEIGHT, WIDTH))
    flat = FRAMES.reshape(B, T, -1)
    changes = np.diff(flat, axis=1, prepend=0)
    weights = {
        name: own[name].reshape(-1, 12) for name in ("kernel", "recurrent_kernel")
    }
    weights["bias"] = own["bias"]
    inputs = np.swapaxes(np.concatenate([flat, changes], axis=-1), 0, 1)
    cell = lstm(3)
    carry = cell.initial_carry(weights, (B,))
    _, h = jax.lax.scan(lambda carry, x: cell.step(weights, carry, x), carry, inputs)
    logits = np.swapaxes(h @ head["kernel"] + head["bias"], 0, 1)
    got = model(FRAMES, 1)
    assert_close(got, logits.reshape(B, T, HEIGHT, WIDTH), 1e-13)


def test_the_first_forecast_is_as_bright_as_asked():
    model = FrameForecaster(
        (2, 3), [VECTOR_CELL], patch_size=(2, 3), brightness=0.2, rngs=nnx.Rngs(0)
    )
    probabilities = jax.nn.sigmoid(model(jnp.zeros((1, 1, 2, 3)), 1))
    np.testing.assert_allclose(probabilities, 0.2, atol=0.02)


@pytest.mark.parametrize(
    ("cells", "options", "message"),
    [
        ([], {}, "cells must be at least one, got none"),
        ([VECTOR_CELL], {"patch_size": 4}, r"must divide frame_shape \(4, 6\), got 4"),
        ([VECTOR_CELL], {"patch_size": 0}, "patch_size must be a positive whole"),
        ([VECTOR_CELL], {"brightness": 1}, "between 0 and 1, got 1"),
        ([VECTOR_CELL], {"patch_size": 2}, r"input_size must be \(1, 1\)"),
    ],
)
def test_bad_options(cells, options, message):
    with pytest.raises(ValueError, match=message):
        FrameForecaster((4, 6), cells, rngs=nnx.Rngs(0), **options)


def test_bad_arguments():
    model = FrameForecaster((2, 3), [VECTOR_CELL], patch_size=(2, 3), rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="num_steps must be a positive whole"):
        model(jnp.zeros((1, 1, 2, 3)), 0)
    with pytest.raises(ValueError, match="frames must be a positive whole"):
        model(jnp.zeros((1, 0, 2, 3)), 1)
