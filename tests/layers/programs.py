"""Layers as compiled programs, which take less time than operation by operation."""

import functools

import jax


@functools.partial(jax.jit, static_argnums=0)
def apply(layer, params, carry, inputs, **options):
    """Applies a layer."""
    return layer.apply(params, carry, inputs, **options)
