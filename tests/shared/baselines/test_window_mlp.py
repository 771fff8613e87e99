import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.shared.baselines.window_mlp import window_mlp

T, B, D, H, WINDOW = 7, 3, 2, 5, 4


def make(activation=jnp.tanh):
    layer = window_mlp(WINDOW, H, activation=activation)
    params = layer.init(jax.random.key(0), D)
    params["bias"] = jax.random.normal(jax.random.key(1), (H,))
    inputs = jax.random.normal(jax.random.key(2), (T, B, D))
    return layer, params, inputs


def by_loops(params, steps):
    """Computes the outputs of one sequence `[T, D]` in float64, window by window."""
    kernel, bias = (np.asarray(params[k], np.float64) for k in ("kernel", "bias"))
    padded = np.concatenate([np.zeros((WINDOW - 1, D)), np.asarray(steps, np.float64)])
    windows = [padded[t : t + WINDOW].ravel() for t in range(len(steps))]
    return np.array([np.tanh(window @ kernel + bias) for window in windows])


def test_agrees_with_loops_in_chunks_and_in_single_steps():
    layer, params, inputs = make()
    carry, outputs = layer.apply(params, None, inputs)
    for b in range(B):
        expected = by_loops(params, inputs[:, b])
        np.testing.assert_allclose(outputs[:, b], expected, atol=1e-6)
    np.testing.assert_array_equal(carry, inputs[-WINDOW:].swapaxes(0, 1))
    carry, first = layer.apply(params, None, inputs[:3])
    _, second = layer.apply(params, carry, inputs[3:])
    np.testing.assert_allclose(jnp.concatenate([first, second]), outputs, atol=1e-6)
    carry = layer.initial_carry(params, (B,))
    for t in range(T):
        carry, one = layer.step(params, carry, inputs[t])
        np.testing.assert_allclose(one, outputs[t], atol=1e-6)


def test_masked_steps_are_left_out_and_a_new_sequence_forgets():
    layer, params, inputs = make(jax.nn.sigmoid)
    _, plain = layer.apply(params, None, inputs)
    mask = np.ones((T, B), bool)
    mask[2, 0] = mask[5, 0] = False
    _, outputs = layer.apply(
        params, None, jnp.where(mask[..., None], inputs, jnp.nan), mask=mask
    )
    _, without = layer.apply(params, None, inputs[mask[:, 0]][:, :1])
    np.testing.assert_allclose(outputs[mask[:, 0], 0], without[:, 0], atol=1e-6)
    assert not outputs[~mask].any()
    np.testing.assert_allclose(outputs[:, 1:], plain[:, 1:], atol=1e-6)

    is_first = np.zeros((T, B), bool)
    is_first[4, 1] = True
    _, outputs = layer.apply(params, None, inputs, is_first=is_first)
    _, anew = layer.apply(params, None, inputs[4:, 1:2])
    np.testing.assert_allclose(outputs[4:, 1], anew[:, 0], atol=1e-6)
    np.testing.assert_allclose(outputs[:4], plain[:4], atol=1e-6)


def test_sizes_are_refused():
    layer, params, inputs = make()
    with pytest.raises(ValueError, match=r"inputs must have a last axis of 2, got sh"):
        layer.apply(params, None, inputs[..., :1])
    for size in (0, -3, 2.5):
        for name, call in {
            "window_size": lambda: window_mlp(size, 5),  # noqa: B023
            "hidden_size": lambda: window_mlp(5, size),  # noqa: B023
            "input_size": lambda: layer.init(jax.random.key(0), size),  # noqa: B023
        }.items():
            with pytest.raises(ValueError, match=f"{name} must be a pos.* {size}"):
                call()
