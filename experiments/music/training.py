"""Training on whole pieces, keeping the parameters that validate best."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.harness import guarded
from experiments.music.batches import Batch
from experiments.music.config import (
    MusicConfig,
    make_cell,
    make_network,
    make_optimizer,
    make_rest,
)
from experiments.music.evaluation import frame_nats, inputs_and_targets
from experiments.music.midi import NUM_KEYS
from experiments.music.pieces import Pieces
from rnnjax import Layer
from rnnjax.base import Array, Params
from rnnjax.optimizers import clip_states
from rnnjax.regularizers import penalized_gradients

Metrics = dict[str, Array]
Gradients = Callable[[Params, Batch, Array, Any], tuple[Array, Params, Metrics]]


class TrainState(NamedTuple):
    """What an update changes.

    Attributes:
      params: the layer's parameters.
      opt_state: the optimizer's state.
      rate_scale: what is left of the learning rate, float32 from 1 downward.
      best_params: the parameters at the best evaluation so far.
      best_loss: their nats a frame on the validation pieces, float32.
      num_worse: evaluations since then, or since the rate decayed, int32.
    """

    params: Params
    opt_state: optax.OptState
    rate_scale: Array
    best_params: Params
    best_loss: Array
    num_worse: Array


def initial_state(config: MusicConfig, layer: Layer, key: Array) -> TrainState:
    """Makes the state before the first update."""
    params = layer.init(key, NUM_KEYS)
    return TrainState(
        params,
        make_optimizer(config).init(params),
        rate_scale=jnp.float32(1),
        best_params=params,
        best_loss=jnp.float32(jnp.inf),
        num_worse=jnp.int32(0),
    )


def begin_at_frequencies(state: TrainState, pieces: Pieces) -> TrainState:
    """Sets the head's bias to the log-odds that each key is down in the pieces.

    So the first updates need not learn that most keys are silent.
    """
    down = sum(piece.sum(axis=0) for piece in pieces) + 1
    up = sum(map(len, pieces)) + 2 - down
    cell, (*rest, head) = state.params
    head = {**head, "bias": jnp.asarray(np.log(down / up), jnp.float32)}
    return state._replace(params=(cell, (*rest, head)))


def judge(state: TrainState, loss: float, config: MusicConfig) -> TrainState:
    """Keeps the parameters if they validate best, else lets the learning rate decay.

    Args:
      state: the state.
      loss: nats a frame of its parameters on the validation pieces.
      config: the flags, `patience` and `decay_rate` among them.

    Returns:
      The state to go on from.
    """
    if loss < state.best_loss:
        return state._replace(
            best_params=state.params,
            best_loss=jnp.float32(loss),
            num_worse=jnp.int32(0),
        )
    if state.num_worse + 1 < config.patience:
        return state._replace(num_worse=state.num_worse + 1)
    return state._replace(
        rate_scale=state.rate_scale * config.decay_rate, num_worse=jnp.int32(0)
    )


def make_update(
    config: MusicConfig, key: Array, epoch_length: int
) -> Callable[[TrainState, Batch, int], tuple[TrainState, Metrics]]:
    """Makes the update: gradients flow back through all frames of a batch.

    Args:
      config: the flags.
      key: the source of randomness; update i takes `fold_in(key, i)`.
      epoch_length: updates of an epoch, for the decay of the penalty.

    Returns:
      `update(state, batch, i) -> (state, metrics)`, compiled and guarded. The metric
      `loss` is in nats a frame, and `grad_norm` is the gradient's norm before clipping.
    """
    optimizer = make_optimizer(config)
    is_regularized = config.method == "regularized"
    gradients = (regularized_gradients if is_regularized else plain_gradients)(config)

    @jax.jit
    @guarded
    def update(state, batch, i):
        weight = config.penalty_weight / (1 + i // epoch_length)
        drop_key, noise_key = jax.random.split(jax.random.fold_in(key, i))
        params = add_noise(state.params, config.weight_noise, noise_key)
        loss, grads, metrics = gradients(params, batch, drop_key, weight)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        updates = jax.tree.map(lambda step: state.rate_scale * step, updates)
        params = optax.apply_updates(state.params, updates)
        metrics |= {"loss": loss, "grad_norm": optax.tree.norm(grads)}
        for clip in clip_states(opt_state):
            metrics["clipped_share"] = clip.clipped_share
        return state._replace(params=params, opt_state=opt_state), metrics

    return update


def add_noise(params: Params, deviation: float, key: Array) -> Params:
    """Adds normal noise to every weight; gradients are then taken at the sum.

    References:
      Graves, "Practical Variational Inference for Neural Networks", NeurIPS 2011; Chung
      et al., "Empirical Evaluation of Gated Recurrent Neural Networks on Sequence
      Modeling", 2014, which trains on this music with a deviation of 0.075.
    """
    if deviation == 0:
        return params
    leaves, treedef = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    return treedef.unflatten(
        x + deviation * jax.random.normal(k, x.shape, x.dtype)
        for x, k in zip(leaves, keys, strict=True)
    )


def plain_gradients(config: MusicConfig) -> Gradients:
    """Makes the gradients of the loss."""
    layer = make_network(config)

    def gradients(params, batch, key, weight):
        del weight
        inputs, targets, mask = inputs_and_targets(batch)

        def loss(params):
            _, logits = layer.apply(params, None, inputs, mask=mask, key=key)
            return frame_nats(logits, targets, mask).sum() / mask.sum()

        return *jax.value_and_grad(loss)(params), {}

    return gradients


def regularized_gradients(config: MusicConfig) -> Gradients:
    """Makes the gradients of the loss and of the penalty on vanishing gradients.

    Raises:
      ValueError: if there is more than one recurrent layer, or dropout in it.

    References:
      Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
      networks", ICML 2013: the penalty, as released, and its weight decaying as 1/t.
    """
    if config.num_layers > 1:
        raise ValueError(
            "num_layers must be 1 with the method regularized, "
            f"got {config.num_layers}."
        )
    if config.recurrent_dropout_rate > 0:
        raise ValueError(
            "recurrent_dropout_rate must be 0 with the method regularized, "
            f"got {config.recurrent_dropout_rate}."
        )
    cell, rest_layer = make_cell(config), make_rest(config)

    def gradients(params, batch, key, weight):
        inputs, targets, mask = inputs_and_targets(batch)

        def loss(rest, outputs):
            _, logits = rest_layer.apply(rest, None, outputs, mask=mask, key=key)
            return frame_nats(logits, targets, mask).sum() / mask.sum()

        own, rest = params
        found = penalized_gradients(
            loss, cell, own, rest, inputs, weight=weight, mask=mask
        )
        metrics = {"penalty": found.penalty, "penalty_weight": weight}
        return found.loss, (found.grads, found.rest_grads), metrics

    return gradients
