"""Where an update first becomes non-finite, in any network."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.doctor.observe import observe
from experiments.doctor.trial import make_update
from experiments.shared.inspection import Inspection
from rnnjax.base import Array
from rnnjax.diagnostics import BlowUps

MOST_REPLAYED = 300  # updates


class Replay(NamedTuple):
    """The update at which a training diverged, repeated.

    Attributes:
      update: its number, from 0.
      params: the parameters before it.
      loss: its loss.
      blow_ups: where values and gradients are not finite.
      bad_inputs: whether its batch is not finite itself.
    """

    update: int
    params: Any
    loss: float
    blow_ups: BlowUps
    bad_inputs: bool


def replay(
    inspection: Inspection, params: Any, first: int, key: Array
) -> Replay | None:
    """Repeats updates until one is not finite.

    Args:
      inspection: the training.
      params: the parameters to begin with.
      first: the update to begin with.
      key: the source of randomness; the optimizer starts anew.

    Returns:
      That update; None if all are finite.
    """
    update = jax.jit(make_update(inspection))
    opt_state = inspection.optimizer.init(params)
    for i in range(first, first + MOST_REPLAYED):
        batch, own_key = inspection.batch(i), jax.random.fold_in(key, i)
        new, opt_state, loss, grads = update(params, opt_state, batch, own_key, 1.0)
        if not all(map(_is_finite, jax.tree.leaves((new, loss, grads)))):
            found = jax.jit(lambda *args: find_blow_ups(inspection, *args))
            blow_ups = found(params, batch, own_key)
            bad_inputs = not all(map(_is_finite, jax.tree.leaves(batch)))
            return Replay(i, params, float(loss), blow_ups, bad_inputs)
        params = new
    return None


def find_blow_ups(
    inspection: Inspection, params: Any, batch: Any, key: Array
) -> BlowUps:
    """Finds the first step of every recurrence where a value or a gradient is bad.

    As `rnnjax.diagnostics.find_blow_ups`, which needs the layers, for any network.

    Args:
      inspection: the training.
      params: the parameters.
      batch: the batch.
      key: the source of randomness.

    Returns:
      The first bad steps, in the order of computation.
    """

    def score(added):
        loss, values, _ = observe(inspection.loss, params, batch, key, added=added)
        held = {
            name: x
            for name, x in values.items()
            if name.startswith("recurrence") and not name.endswith("reach")
        }
        return loss, held

    shapes = jax.eval_shape(score, {})[1]
    zeros = {name: jnp.zeros(x.shape, x.dtype) for name, x in shapes.items()}
    grads, values = jax.grad(score, has_aux=True)(
        {name: x for name, x in zeros.items() if "carry" in name}
    )
    return BlowUps(
        jnp.stack([_first(_bad(x)) for x in values.values()]),
        jnp.stack([_last(_bad(grads.get(name, zeros[name]))) for name in values]),
        tuple(values),
    )


def _bad(x):
    return ~jnp.isfinite(x).all(tuple(range(1, x.ndim)))


def _first(bad):
    return jnp.where(bad.any(), jnp.argmax(bad), -1)


def _last(bad):
    return jnp.where(bad.any(), bad.shape[0] - 1 - jnp.argmax(bad[::-1]), -1)


def _is_finite(leaf):
    array = np.asarray(leaf)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
