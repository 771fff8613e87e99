"""Sampling tokens from a layer that returns logits."""

import jax.numpy as jnp

from rnnjax.base import Array, Carry, Layer, Params
from rnnjax.decoding.generate import generate
from rnnjax.decoding.samplers import sample_tokens, without_log_probs


def sample(
    layer: Layer,
    params: Params,
    prompt: Array,
    num_steps: int,
    key: Array,
    *,
    carry: Carry | None = None,
    temperature: float = 1.0,
) -> tuple[Carry, Array]:
    """Samples tokens one by one, each of which the next step reads.

    To continue a sequence, pass the returned carry and, as the prompt, the last sampled
    token, which has not been read yet. `generate` does the same for anything that can
    be drawn, with end symbols, prompts of unequal length and log-probabilities.

    Args:
      layer: a causal layer from tokens `[T, ...batch]` to logits
        `[T, ..., vocab_size]`.
      params: its parameters.
      prompt: `[P, ...batch]` integer tokens, at least one, read first.
      num_steps: number of tokens to sample.
      key: the source of randomness.
      carry: the carry before the prompt; None: the initial one.
      temperature: by which the logits are divided. Below 1 likely tokens become more
        likely; 0 always takes the most likely one.

    Returns:
      The carry after all tokens but the last, and the sampled tokens
      `[num_steps, ...batch]` int32.

    Raises:
      ValueError: if the layer is not causal, the prompt is empty or not of integers,
        `num_steps` is not positive or `temperature` is not 0 or more.

    Example:
      >>> layer = rnnjax.stack(
      ...     rnnjax.embed(3), rnnjax.recurrent(rnnjax.gru(4)), rnnjax.dense(5)
      ... )
      >>> params = layer.init(jax.random.key(0), 5)
      >>> carry, tokens = sample(layer, params, jnp.array([2]), 7, jax.random.key(1))
      >>> tokens.shape
      (7,)
    """
    if not jnp.issubdtype(jnp.result_type(prompt), jnp.integer):
        raise ValueError(
            f"prompt must be integer tokens, got {jnp.result_type(prompt)}."
        )
    sampler = without_log_probs(sample_tokens(temperature=temperature))
    generated = generate(
        layer, params, prompt, num_steps, key, sampler=sampler, carry=carry
    )
    return generated.carry, generated.drawn
