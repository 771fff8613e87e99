"""Cross entropy of a language model on a text, every token counted once.

The memory needed does not depend on the length of the text.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.shared.windows import (
    EvaluationWindow,
    evaluation_windows,
    independent_windows,
)
from rnnjax import cross_entropy
from rnnjax.base import Carry
from rnnjax.models.recurrent import Recurrent


def mean_nats(
    module: Recurrent, tokens: np.ndarray, *, num_steps: int, previous: int | None
) -> float:
    """Evaluates a text with the carry handed on from its beginning to its end.

    Args:
      module: from tokens to logits.
      tokens: `[num_tokens]` int32, the text.
      num_steps: steps computed at once, which affects only the speed.
      previous: the token before the text; see `evaluation_windows`.

    Returns:
      The mean cross entropy, in nats per token.
    """
    graph, params = nnx.split(module)
    carry, total, count = module.initial_carry((1,)), 0.0, 0
    for window in evaluation_windows(tokens, num_steps, previous=previous):
        carry, nats = _window_nats(graph, params, carry, window)
        total, count = total + float(nats), count + int(window.mask.sum())
    return total / count


def mean_nats_of_windows(
    module: Recurrent,
    tokens: np.ndarray,
    *,
    num_steps: int,
    previous: int | None,
    batch_size: int = 16,
) -> float:
    """Evaluates a text in windows that each start from the initial carry.

    Args:
      module: from tokens to logits.
      tokens: `[num_tokens]` int32, the text.
      num_steps: steps of a window.
      previous: the token before the text; see `evaluation_windows`.
      batch_size: windows computed at once, which affects only speed and memory.

    Returns:
      The mean cross entropy, in nats per token; higher than `mean_nats`, as the first
      tokens of each window are predicted from little context.
    """
    graph, params = nnx.split(module)
    carry, total, count = module.initial_carry((batch_size,)), 0.0, 0
    for window in independent_windows(tokens, num_steps, batch_size, previous=previous):
        _, nats = _window_nats(graph, params, carry, window)
        total, count = total + float(nats), count + int(window.mask.sum())
    return total / count


@functools.partial(jax.jit, static_argnums=0)
def _window_nats(
    graph: nnx.GraphDef, params: nnx.State, carry: Carry, window: EvaluationWindow
) -> tuple[Carry, jax.Array]:
    module = nnx.merge(graph, params)
    inputs, targets, mask = map(jnp.asarray, window)
    carry, logits = module(inputs, carry, mask=mask)
    return carry, cross_entropy(logits, targets, mask).sum()
