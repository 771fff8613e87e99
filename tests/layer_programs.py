"""Layers under the contracts, as `programs` has cells."""

import functools

import jax
import numpy as np

from rnnjax.checks.runs import Run
from rnnjax.decoding.carries import batch_axes
from tests.loop import in_numpy
from tests.programs import T, draw_inputs, draw_like_these
from tests.pytrees import part

BATCH = 8  # in equal parts over four devices


@functools.cache
def layer_program(layer):
    """Compiles `run_layer` of a layer."""
    return in_numpy(functools.partial(run_layer, layer))


def run_layer(layer, key, params, carry, inputs, mask, is_first, weights):
    """Applies a layer and goes back from its outputs, weighted.

    Returns:
      `Run`; what does not float has no gradient, so those are lists of leaves.
    """
    parts = [part(tree) for tree in (params, carry, inputs)]

    def floating(*floats):
        params, carry, inputs = (
            put_back(own) for own, (_, put_back) in zip(floats, parts)
        )
        carry, outputs = layer.apply(
            params, carry, inputs, mask=mask, is_first=is_first, key=key
        )
        return outputs, (carry, outputs)

    floats = [own for own, _ in parts]
    _, pull, (carry, outputs) = jax.vjp(floating, *floats, has_aux=True)
    return Run(carry, outputs, pull(weights.astype(outputs.dtype)))


def draw_layer_arguments(case, layer, rng, leading=(T, BATCH), dtype=np.float64):
    """Draws the arguments of a run of a layer, whose weights are of its outputs."""
    shapes = layer_shapes(case, layer, leading)
    return draw_like_these(case, rng, leading, dtype, *shapes)


@functools.cache
def layer_shapes(case, layer, leading):
    inputs = draw_inputs(case, np.random.default_rng(0), leading, np.float32)
    params = jax.eval_shape(
        lambda key: layer.init(key, case.input_size), jax.random.key(0)
    )
    carry, outputs = jax.eval_shape(layer.apply, params, None, inputs)
    return params, carry, outputs


def carry_axes(case, layer):
    """Returns the axis of the batch in every leaf of a layer's carry, None if none."""
    params, _, _ = layer_shapes(case, layer, (T, BATCH))
    return batch_axes(layer, params)
