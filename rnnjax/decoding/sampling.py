"""Sampling from a layer that returns logits."""

import functools

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Carry, Layer, Params, check_positive


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
    token, which has not been read yet.

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
    prompt = jnp.asarray(prompt)
    if layer.step is None:
        raise ValueError("layer must be causal, got one without a step.")
    if prompt.ndim == 0 or prompt.shape[0] == 0:
        raise ValueError(f"prompt must hold a token, got shape {prompt.shape}.")
    if not jnp.issubdtype(prompt.dtype, jnp.integer):
        raise ValueError(f"prompt must be integer tokens, got {prompt.dtype}.")
    if not temperature >= 0:
        raise ValueError(f"temperature must be 0 or more, got {temperature}.")
    check_positive(num_steps=num_steps)
    temperature = float(temperature)
    return _sample(
        layer, num_steps, temperature == 0, params, prompt, key, carry, temperature
    )


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _sample(layer, num_steps, greedy, params, prompt, key, carry, temperature):
    def draw(step, logits):
        if greedy:
            return jnp.argmax(logits, axis=-1).astype(jnp.int32)
        step_key = jax.random.fold_in(key, step)
        token = jax.random.categorical(step_key, logits / temperature)
        return token.astype(jnp.int32)

    def body(carry_and_token, step):
        carry, token = carry_and_token
        carry, logits = layer.step(params, carry, token)
        token = draw(step, logits)
        return (carry, token), token

    carry, logits = layer.apply(params, carry, prompt)
    token = draw(0, logits[-1])
    (carry, _), rest = jax.lax.scan(body, (carry, token), jnp.arange(1, num_steps))
    return carry, jnp.concatenate([token[None], rest])
