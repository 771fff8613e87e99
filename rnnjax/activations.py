"""Activations by name."""

import difflib
from collections.abc import Callable

import jax
import jax.numpy as jnp

from rnnjax.base import Array

Activation = Callable[[Array], Array]

ACTIVATIONS: dict[str, Activation] = {
    "identity": lambda x: x,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "hard_tanh": jax.nn.hard_tanh,
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "sin": jnp.sin,
}


def as_activation(activation: str | Activation) -> Activation:
    """Returns the activation of a name; a function is returned unchanged.

    Args:
      activation: a name in `ACTIVATIONS`, or any elementwise function.

    Raises:
      ValueError: if there is no activation of that name.

    Example:
      >>> as_activation("relu")(jnp.array([-1.0, 2.0]))
      Array([0., 2.], dtype=float32)
    """
    if callable(activation):
        return activation
    if activation in ACTIVATIONS:
        return ACTIVATIONS[activation]
    near = difflib.get_close_matches(str(activation), ACTIVATIONS, n=3, cutoff=0.4)
    named = " or ".join(repr(name) for name in near or ACTIVATIONS)
    raise ValueError(
        f"activation must be a function or the name of one, such as {named}, "
        f"got {activation!r}."
    )
