"""Where a value or a gradient first becomes non-finite or too large."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.base import Array, Cell, Layer, Params
from rnnjax.engines.scan import scan
from rnnjax.masking import zero_masked
from rnnjax.unroll import unroll


@dataclasses.dataclass(frozen=True)
class BlowUps:
    """The first bad step of every place inspected; -1 where all is well.

    A pytree of two arrays, so `jax.jit` may return it.

    Attributes:
      forward: `[num_places]`, the first step in time at which the place's value is bad.
      backward: `[num_places]`, the last step in time, hence the first of the backward
        pass, at which the gradient with respect to that value is bad.
      places: their names, such as "layer 1, carry.c", in the order of computation.
    """

    forward: Array
    backward: Array
    places: tuple[str, ...]

    def __str__(self) -> str:
        """Describes where values and gradients first went bad."""
        forward = self.first_forward()
        backward = self.first_backward()
        return f"values: {_said(forward)}; gradients, going back: {_said(backward)}"

    def first_forward(self) -> tuple[int, str] | None:
        """Returns the step and the place of the first bad value; None if all is well.

        If several places are bad at that step, it is the one computed first.
        """
        steps = np.asarray(self.forward)
        if not (steps >= 0).any():
            return None
        step = steps[steps >= 0].min()
        return int(step), self.places[int(np.argmax(steps == step))]

    def first_backward(self) -> tuple[int, str] | None:
        """Returns the step and the place of the first bad gradient, going backward."""
        steps = np.asarray(self.backward)
        if not (steps >= 0).any():
            return None
        step = steps.max()
        last = len(steps) - 1 - int(np.argmax(steps[::-1] == step))
        return int(step), self.places[last]


jax.tree_util.register_dataclass(
    BlowUps, data_fields=["forward", "backward"], meta_fields=["places"]
)


def find_blow_ups(
    layers: Sequence[Cell | Layer],
    params: Sequence[Params],
    inputs: Any,
    loss: Callable[[Any], Array],
    *,
    threshold: float = float("inf"),
    mask: Array | None = None,
    is_first: Array | None = None,
    key: Array | None = None,
) -> BlowUps:
    """Finds the first step, layer and leaf where a value or a gradient goes bad.

    One forward and one backward pass through all layers, under `jax.jit` if you like,
    without `jax_debug_nans`. Inspected are the outputs of every cell and layer; for
    cells also every leaf of the carry after each step, and the gradient with respect to
    every leaf that a step reads.

    Args:
      layers: cells, which are inspected inside, or layers, in order.
      params: the parameters of each.
      inputs: `[T, ..., input_size]` of the first.
      loss: of the last outputs, a scalar.
      threshold: a number is bad if its magnitude exceeds this, or if it is not finite.
      mask: as in `unroll`.
      is_first: as in `unroll`.
      key: folded with the index of each layer, as `stack` does.

    Returns:
      The first bad steps, for `print` or to query.

    Raises:
      ValueError: if `threshold` is not positive, or `params` and `layers` differ in
        length.
    """
    if not threshold > 0:
        raise ValueError(f"threshold must be positive, got {threshold}.")
    if len(params) != len(layers):
        raise ValueError(
            f"params must be one per layer, {len(layers)}, got {len(params)}."
        )

    marks = {"mask": mask, "is_first": is_first, "key": key}

    def score(added):
        outputs, values = _run(layers, params, inputs, added, **marks)
        return loss(outputs), values

    shapes = jax.eval_shape(score, {})[1]
    zeros = {name: jnp.zeros(x.shape, x.dtype) for name, x in shapes.items()}
    grads, values = jax.grad(score, has_aux=True)(zeros)
    places = tuple(_places(layers, params, inputs, **marks))
    return BlowUps(
        jnp.stack([_first(_bad(values[name], threshold)) for name in places]),
        jnp.stack([_last(_bad(grads[name], threshold)) for name in places]),
        places,
    )


def _places(layers, params, inputs, **marks):
    """Lists the names in the order of computation, which tracing a dict loses."""
    names = []

    def run():
        names.extend(_run(layers, params, inputs, {}, **marks)[1])

    jax.eval_shape(run)
    return names


def _run(layers, params, inputs, added, *, mask, is_first, key):
    """Runs the layers; returns the last outputs and all values `[T, ...]` by name.

    What `added` holds for a name is added to its value: adding zeros gives a gradient.
    """
    inputs, values = _shown("inputs", zero_masked(mask, inputs), added)
    for i, (layer, own) in enumerate(zip(layers, params)):
        name = f"layer {i}, "
        if isinstance(layer, Cell):
            outputs, carries = _run_cell(
                layer, own, inputs, added, name, mask=mask, is_first=is_first
            )
            values |= carries
        else:
            own_key = None if key is None else jax.random.fold_in(key, i)
            _, outputs = layer.apply(
                own, None, inputs, mask=mask, is_first=is_first, key=own_key
            )
        inputs, shown = _shown(name + "outputs", outputs, added)
        values |= shown
    return inputs, values


def _run_cell(cell, params, inputs, added, name, **marks):
    """Runs a cell, adding to what its steps read; returns the outputs and carries."""
    own = {key: x for key, x in added.items() if key.startswith(name + "carry")}

    def step(params, carry, inputs_and_own):
        inputs, own = inputs_and_own
        carry, _ = _shown(name + "carry", carry, own)
        carry, outputs = cell.step(params, carry, inputs)
        return carry, (outputs, _shown(name + "carry", carry, {})[1])

    showing = cell._replace(step=step, factors=None)
    _, (outputs, carries) = unroll(showing, params, (inputs, own), engine=scan, **marks)
    return outputs, carries


def _shown(name, tree, added):
    """Adds to the floating leaves of a pytree; returns it, and its leaves by name."""
    leaves, treedef = jax.tree.flatten_with_path(tree)
    moved, values = [], {}
    for path, x in leaves:
        own = name + jax.tree_util.keystr(path)
        if jnp.issubdtype(jnp.result_type(x), jnp.floating):
            x = values[own] = x + added[own] if own in added else jnp.asarray(x)
        moved.append(x)
    return treedef.unflatten(moved), values


def _bad(x, threshold):
    """Returns whether each step of `[T, ...]` has a bad number."""
    fine = jnp.isfinite(x) & (jnp.abs(x) <= threshold)
    return ~fine.all(tuple(range(1, x.ndim)))


def _first(bad):
    return jnp.where(bad.any(), jnp.argmax(bad), -1)


def _last(bad):
    return jnp.where(bad.any(), bad.shape[0] - 1 - jnp.argmax(bad[::-1]), -1)


def _said(found):
    return "none is bad" if found is None else f"bad at step {found[0]}, {found[1]}"
