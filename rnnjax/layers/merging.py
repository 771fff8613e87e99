"""Ways to merge the outputs of two directions; `jnp.add` is another."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from rnnjax.base import Array

Merge = Callable[[Array, Array], Any]


def concatenate(forward: Array, backward: Array) -> Array:
    """Concatenates both to `[..., forward_size + backward_size]`, forward first."""
    return jnp.concatenate([forward, backward], axis=-1)


def average(forward: Array, backward: Array) -> Array:
    """Returns the mean of both."""
    return (forward + backward) / 2


def keep_apart(forward: Array, backward: Array) -> tuple[Array, Array]:
    """Returns both, forward first."""
    return forward, backward
