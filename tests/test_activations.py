"""Activations by name, against their definitions."""

import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman
from rnnjax.activations import ACTIVATIONS, as_activation
from tests.refusals import refuses

X = np.linspace(-3.0, 3.0, 14)
BY_HAND = {
    "identity": X,
    "tanh": np.tanh(X),
    "sigmoid": 1 / (1 + np.exp(-X)),
    "hard_tanh": np.clip(X, -1, 1),
    "relu": np.maximum(X, 0),
    "leaky_relu": np.where(X < 0, 0.01 * X, X),
    "elu": np.where(X < 0, np.exp(X) - 1, X),
    "softplus": np.log(1 + np.exp(X)),
    "softsign": X / (1 + abs(X)),
    "gelu": X / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (X + 0.044715 * X**3))),
    "silu": X / (1 + np.exp(-X)),
    "sin": np.sin(X),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_equals_its_definition(x64, name):
    activation = as_activation(name)
    np.testing.assert_allclose(activation(jnp.asarray(X)), BY_HAND[name])
    assert as_activation(activation) is activation


test_an_unknown_name_gives_the_nearest = refuses(
    (as_activation, "sigmoyd", "activation must be .*such as 'sigmoid'.* 'sigmoyd'."),
    (lambda: elman(5, activation="tahn"), "'tanh'.*, got 'tahn'."),
)
