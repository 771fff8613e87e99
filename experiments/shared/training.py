"""What `prepare(config)` returns, and the state of truncated backpropagation."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax
from flax import nnx
from jax.sharding import Mesh

from experiments.shared.devices import replicate, split_batch
from rnnjax.base import Carry
from rnnjax.models.recurrent import Recurrent


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: what was loaded, a `Corpus` for a language model.
      batch: `batch(i)`, the batch of update i, on the host.
      epoch_length: updates per epoch.
      module: the NNX module with its initial parameters.
      loss: `loss(params, carry, batch, key) -> (objective, (carry, metric))`, where
        `params` is the pure state of `nnx.split(module)`: the objective is what is
        differentiated, the metric what is logged as `loss`.
      optimizer: the optimizer, including clipping.
      num_devices: devices that share a batch.
    """

    data: Any
    batch: Callable[[int], Any]
    epoch_length: int
    module: Recurrent
    loss: Callable[..., tuple[jax.Array, tuple[Carry, jax.Array]]]
    optimizer: optax.GradientTransformation
    num_devices: int


class TrainState(NamedTuple):
    """What an update changes.

    Attributes:
      params: the module's parameters, the pure state of `nnx.split`.
      opt_state: the optimizer's state.
      carry: the carry at the end of the last window, handed on to the next.
    """

    params: Any
    opt_state: optax.OptState
    carry: Carry


def initial_state(
    module: Recurrent, optimizer: optax.GradientTransformation, batch_size: int
) -> TrainState:
    """Makes the state before the first update."""
    params = nnx.as_pure(nnx.state(module))
    return TrainState(
        params, optimizer.init(params), module.initial_carry((batch_size,))
    )


def place(state: TrainState, mesh: Mesh) -> TrainState:
    """Splits the carry's batch over the devices and replicates everything else."""
    params, opt_state = replicate((state.params, state.opt_state), mesh)
    return TrainState(params, opt_state, split_batch(state.carry, mesh, axis=0))


def num_weights(params: Any) -> int:
    """Returns the number of entries of all leaves of a pytree of parameters."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
