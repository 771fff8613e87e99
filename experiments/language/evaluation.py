"""How well a language model predicts a text: every token counted once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from experiments.data.streams import EvaluationWindow, evaluation_windows
from rnnjax import Layer, cross_entropy
from rnnjax.base import Carry, Params


def mean_nats(
    layer: Layer,
    params: Params,
    tokens: np.ndarray,
    *,
    num_steps: int,
    previous: int | None,
    num_streams: int = 1,
) -> float:
    """Evaluates a text with the carry handed on from its beginning to its end.

    Args:
      layer: from tokens to logits.
      params: its parameters.
      tokens: `[num_tokens]` int32, the text.
      num_steps: steps run at once; with one stream it changes the speed alone.
      previous: the token before the text; see `evaluation_windows`.
      num_streams: number of parts of the text read side by side; see there.

    Returns:
      The mean cross entropy, nats a token.
    """
    carry, total, count = layer.initial_carry(params, (num_streams,)), 0.0, 0
    for part in evaluation_windows(
        tokens, num_steps, previous=previous, num_streams=num_streams
    ):
        carry, nats = _window_nats(layer, params, carry, part)
        total, count = total + float(nats), count + int(part.mask.sum())
    return total / count


def mean_nats_of_windows(
    layer: Layer, params: Params, tokens: np.ndarray, *, num_steps: int, previous: int
) -> float:
    """Evaluates a text in windows that each begin with the initial carry.

    Args:
      layer: from tokens to logits.
      params: its parameters.
      tokens: `[num_tokens]` int32, the text.
      num_steps: steps of a window.
      previous: the token before the text.

    Returns:
      The mean cross entropy, nats a token; more than `mean_nats`, as the first tokens
      of a window are predicted from little.
    """
    num_windows = -(-len(tokens) // num_steps)
    return mean_nats(
        layer,
        params,
        tokens,
        num_steps=num_steps,
        previous=previous,
        num_streams=num_windows,
    )


@functools.partial(jax.jit, static_argnums=0)
def _window_nats(
    layer: Layer, params: Params, carry: Carry, part: EvaluationWindow
) -> tuple[Carry, jax.Array]:
    inputs, targets, mask = map(jnp.asarray, part)
    carry, logits = layer.apply(params, carry, inputs, mask=mask)
    return carry, cross_entropy(logits, targets, mask).sum()
