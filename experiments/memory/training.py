"""An update and an examination of one network."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from experiments.memory.grid import Hyperparameters, Setting
from experiments.memory.task import Sequences, Task
from rnnjax import Cell, Layer
from rnnjax.base import Array, Params
from rnnjax.optimizers import clip_by_norm, clip_states
from rnnjax.regularizers import penalized_gradients

RULES = {"adam": optax.adam, "rmsprop": optax.rmsprop, "sgd": optax.sgd}
EXAMINATION = 2**31 - 1  # seed of what all members are examined with

Gradients = Callable[[Params, Sequences, Hyperparameters], tuple[Array, Params]]


class Learner(NamedTuple):
    """What an update changes.

    Attributes:
      params: the network's parameters.
      opt_state: the optimizer's state.
    """

    params: Params
    opt_state: Any


def make_gradients(network: Layer, task: Task) -> Gradients:
    """Makes `(params, sequences, hyperparameters) -> (loss, grads)` of a network."""

    def loss_of(params, sequences):
        _, outputs = network.apply(params, None, sequences.inputs, mask=sequences.mask)
        return task.loss(outputs, sequences).mean()

    def gradients(params, sequences, hyperparameters):
        del hyperparameters
        return jax.value_and_grad(loss_of)(params, sequences)

    return gradients


def make_penalized_gradients(cell: Cell, readout: Layer, task: Task) -> Gradients:
    """Makes the gradients with Pascanu's penalty added, as the released code has it.

    Args:
      cell: the cell; it must have factors.
      readout: from the cell's outputs to the network's; its parameters are the second
        of the network's, the cell's the only one of the first.
      task: what is learned.

    Returns:
      `(params, sequences, hyperparameters) -> (loss, grads)`, the loss without penalty.
    """

    def gradients(params, sequences, hyperparameters):
        def loss_of(readout_params, hidden):
            _, outputs = readout.apply(
                readout_params, None, hidden, mask=sequences.mask
            )
            return task.loss(outputs, sequences).mean()

        (cell_params,), readout_params = params
        got = penalized_gradients(
            loss_of,
            cell,
            cell_params,
            readout_params,
            sequences.inputs,
            weight=hyperparameters.penalty,
            mask=sequences.mask,
        )
        return got.loss, ((got.grads,), got.rest_grads)

    return gradients


def make_rule(
    optimizer: str, clips: bool
) -> Callable[[Hyperparameters], optax.GradientTransformation]:
    """Makes the function that makes a member's optimizer.

    Args:
      optimizer: one of `RULES`.
      clips: whether the global norm of the gradients is clipped first.
    """

    def rule(hyperparameters):
        step = RULES[optimizer](hyperparameters.learning_rate)
        if not clips:
            return step
        return optax.chain(clip_by_norm(hyperparameters.max_norm), step)

    return rule


def make_learner(
    network: Layer,
    task: Task,
    rule: Callable[[Hyperparameters], optax.GradientTransformation],
) -> Callable[[Setting], Learner]:
    """Makes `setting -> learner`, a network before its first update."""

    def init(setting):
        params = network.init(setting.init_key, task.input_size)
        return Learner(params, rule(setting.hyperparameters).init(params))

    return init


def make_update(
    gradients: Gradients,
    task: Task,
    rule: Callable[[Hyperparameters], optax.GradientTransformation],
    batch_size: int,
) -> Callable[[Learner, Setting, Array], tuple[Learner, dict[str, Array]]]:
    """Makes the update of a network.

    Args:
      gradients: of the loss, see `make_gradients`.
      task: what it learns; update i draws its sequences from `fold_in(key, i)`.
      rule: makes the optimizer.
      batch_size: sequences of an update.

    Returns:
      `(learner, setting, index) -> (learner, metrics)`; see `members_update`.
    """

    def update(learner, setting, index):
        sequences = task.draw(jax.random.fold_in(setting.data_key, index), batch_size)
        loss, grads = gradients(learner.params, sequences, setting.hyperparameters)
        updates, opt_state = rule(setting.hyperparameters).update(
            grads, learner.opt_state, learner.params
        )
        params = optax.apply_updates(learner.params, updates)
        clipped = [state.clipped_share for state in clip_states(opt_state)]
        return Learner(params, opt_state), {
            "loss": loss,
            "grad_norm": optax.tree.norm(grads),
            "clipped_share": clipped[0] if clipped else jnp.zeros(()),
        }

    return update


def make_examination(
    network: Layer, task: Task, num_batches: int, batch_size: int
) -> Callable[[Learner, Setting, Array], Array]:
    """Makes the examination of a network on sequences it did not learn from.

    Args:
      network: from inputs to outputs.
      task: what it is examined in.
      num_batches: how many batches to draw.
      batch_size: sequences of each.

    Returns:
      `(learner, setting, index) -> score`, the mean over all sequences: other sequences
      for each index, the same for all members.
    """

    def examine(learner, setting, index):
        del setting
        key = jax.random.fold_in(jax.random.key(EXAMINATION), index)

        def score_of_batch(batch):
            sequences = task.draw_test(key, batch, batch_size)
            _, outputs = network.apply(
                learner.params, None, sequences.inputs, mask=sequences.mask
            )
            return task.score(outputs, sequences).mean()

        return jax.lax.map(score_of_batch, jnp.arange(num_batches)).mean()

    return examine
