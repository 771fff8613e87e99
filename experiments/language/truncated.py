"""Truncated backpropagation through time over a text."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import optax
from jax.sharding import Mesh

from experiments.data.streams import window
from experiments.harness import guarded
from experiments.shared.devices import replicate, split_batch
from rnnjax import Layer, cross_entropy_mean_over_steps
from rnnjax.base import Carry, Params


class TrainState(NamedTuple):
    """What an update changes.

    Attributes:
      params: the layer's parameters.
      opt_state: the optimizer's state.
      carry: the layer's carry at the end of the last window, handed on to the next.
    """

    params: Params
    opt_state: optax.OptState
    carry: Carry


def initial_state(
    layer: Layer,
    vocab_size: int,
    optimizer: optax.GradientTransformation,
    batch_size: int,
    key: jax.Array,
) -> TrainState:
    """Makes the state before the first update."""
    params = layer.init(key, vocab_size)
    carry = layer.initial_carry(params, (batch_size,))
    return TrainState(params, optimizer.init(params), carry)


def lay_out(state: TrainState, mesh: Mesh) -> TrainState:
    """Lays the carry's batch out over the devices, the rest whole on each of them."""
    params, opt_state = replicate((state.params, state.opt_state), mesh)
    return TrainState(params, opt_state, split_batch(state.carry, mesh, axis=0))


def truncated_update(
    layer: Layer,
    optimizer: optax.GradientTransformation,
    loss: Callable[[jax.Array, jax.Array], jax.Array],
    streams: np.ndarray,
    num_steps: int,
    key: jax.Array,
    mesh: Mesh,
) -> Callable[[TrainState, int], tuple[TrainState, dict[str, jax.Array]]]:
    """Makes the update of truncated backpropagation through time.

    Update i reads window i of the streams, from the carry that update i - 1 left; no
    gradient flows back into earlier windows. Its randomness is `fold_in(key, i)`.

    Args:
      layer: from tokens `[T, B]` to logits `[T, B, vocab_size]`.
      optimizer: the optimizer, clipping included.
      loss: `(logits, targets) -> scalar`, what is differentiated.
      streams: `[B, length]` int32; see `experiments.data.streams`.
      num_steps: steps of a window.
      key: the source of randomness, for dropout.
      mesh: the devices that share the batch.

    Returns:
      `update(state, i) -> (state, metrics)`, compiled and guarded; it takes the old
      state's memory. The metric `loss` is in nats a token, whatever the loss, and
      `grad_norm` is the gradient's norm before clipping.

    References:
      Williams and Peng, "An Efficient Gradient-Based Algorithm for On-Line Training of
      Recurrent Network Trajectories", Neural Computation 1990.
    """

    @functools.partial(jax.jit, donate_argnums=0)
    @guarded
    def update(state, batch, i):
        def objective(params):
            carry, logits = layer.apply(
                params,
                state.carry,
                batch.inputs,
                is_first=batch.is_first,
                key=jax.random.fold_in(key, i),
            )
            nats = cross_entropy_mean_over_steps(logits, batch.targets)
            return loss(logits, batch.targets), (carry, nats)

        gradient = jax.value_and_grad(objective, has_aux=True)
        (_, (carry, nats)), grads = gradient(state.params)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        metrics = {"loss": nats, "grad_norm": optax.tree.norm(grads)}
        return lay_out(TrainState(params, opt_state, carry), mesh), metrics

    def update_window(state, i):
        batch = split_batch(window(streams, i, num_steps), mesh, axis=1)
        return update(state, batch, i)

    return update_window
