"""Short trials: gradients, a few updates at any learning rate, and a look inside."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.doctor.batches import shape_of
from experiments.doctor.observe import observe
from experiments.shared.inspection import Inspection
from rnnjax.base import Array
from rnnjax.diagnostics import dead_units, saturated_units

NUM_BATCHES = 4  # read again and again, so that every healthy training learns them
NUM_UPDATES = 4 * NUM_BATCHES
MOST_TRIED = 100  # batches among which those of one shape are sought


class Look(NamedTuple):
    """What is inside a network on one batch.

    Attributes:
      loss: the loss.
      least_log: see `Origins`.
      dead: whether each unit of a relu is zero at all steps, by name.
      saturated: the share of steps at which each unit of a tanh is near ±1, by name.
      reach: `[T, rows]` per recurrence, see `Recorder`.
    """

    loss: Array
    least_log: list[Array]
    dead: dict[str, Any]
    saturated: dict[str, Any]
    reach: dict[str, Any]


class Path(NamedTuple):
    """A short training.

    Attributes:
      losses: `[n]`, that of each update before it is done; shorter if it diverged.
      grad_norms: `[n]`.
      params: the parameters after the last finite update.
    """

    losses: np.ndarray
    grad_norms: np.ndarray
    params: Any


class Trial:
    """Tries a training; everything is compiled once, for any parameters.

    Attributes:
      batches: batches of one shape, which the updates read in turns.
      squashed: activations whose outputs the loss takes as logits; known after `look`.

    Args:
      inspection: the training.
      seed: of the keys.
      num_updates: updates of a path.
    """

    def __init__(
        self, inspection: Inspection, seed: int = 0, num_updates: int = NUM_UPDATES
    ):
        self._inspection = inspection
        self._key = jax.random.key(seed)
        self._num_updates = num_updates
        self.batches = _batches_of_one_shape(inspection)
        self.squashed: list[str] = []
        self._update = jax.jit(make_update(inspection))
        self._look = jax.jit(self._traced_look)

    def look(self, params: Any) -> Look:
        """Looks inside the network on the first batch."""
        return jax.device_get(self._look(params, self.batches[0], self._key))

    def path(self, params: Any, scale: float = 1.0) -> Path:
        """Trains with the learning rate times `scale`; stops if it is not finite."""
        opt_state = self._inspection.optimizer.init(params)
        losses, norms = [], []
        for i in range(self._num_updates):
            batch = self.batches[i % len(self.batches)]
            key = jax.random.fold_in(self._key, i)
            new, opt_state, loss, grads = self._update(
                params, opt_state, batch, key, scale
            )
            norm = optax.tree.norm(grads)
            if not (np.isfinite(loss) and np.isfinite(norm)):
                break
            losses.append(float(loss))
            norms.append(float(norm))
            params = new
        return Path(np.array(losses), np.array(norms), params)

    def gradients(self, params: Any, index: int) -> Any:
        """Computes the gradients on the first batch, with the key of `index`."""
        opt_state = self._inspection.optimizer.init(params)
        key = jax.random.fold_in(self._key, index)
        return self._update(params, opt_state, self.batches[0], key, 0.0)[3]

    def _traced_look(self, params, batch, key):
        loss, values, origins = observe(self._inspection.loss, params, batch, key)
        self.squashed = origins.squashed

        def named(kind):
            return {n: x for n, x in values.items() if kind in n.rsplit(", ")[-1]}

        return Look(
            loss,
            origins.least_log,
            {name: dead_units(x) for name, x in named("relu").items()},
            {name: saturated_units(x) for name, x in named("tanh").items()},
            named("reach"),
        )


def make_update(inspection: Inspection) -> Callable[..., tuple[Any, Any, Array, Any]]:
    """Makes `update(params, opt_state, batch, key, scale)`.

    Returns:
      The function; it returns the parameters and the optimizer's state after an update
      whose steps are scaled, and the loss and its gradients before it.
    """

    def update(params, opt_state, batch, key, scale):
        loss, grads = jax.value_and_grad(inspection.loss)(params, batch, key)
        steps, opt_state = inspection.optimizer.update(grads, opt_state, params)
        steps = jax.tree.map(lambda step: (scale * step).astype(step.dtype), steps)
        return optax.apply_updates(params, steps), opt_state, loss, grads

    return update


def _batches_of_one_shape(inspection: Inspection) -> list[Any]:
    """Returns the first batches of one shape, that of which there are enough first."""
    batches: dict[Any, list[Any]] = {}
    for i in range(min(MOST_TRIED, inspection.epoch_length)):
        batch = inspection.batch(i)
        alike = batches.setdefault(shape_of(batch), [])
        alike.append(jax.tree.map(jnp.asarray, batch))
        if len(alike) == NUM_BATCHES:
            return alike
    return max(batches.values(), key=len)
