"""Sampling audio level by level: random numbers drawn before the loop, or within it.

A GRU of 64 units reads one of 256 levels and predicts the next one, for 16 sequences.
The loop that one writes at first folds the step into the key and calls
`jax.random.categorical`, 256 random numbers for every sequence and step; `gumbel_max`
makes the keys before the loop; `inverse_cdf` draws one number for each sequence and
step, all of them before the loop.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

import rnnjax
from experiments.kit_speed.case import Case, Contender
from rnnjax.decoding import (
    generate,
    gumbel_max,
    inverse_cdf,
    sample_tokens,
    without_log_probs,
)

BATCH_SIZE, HIDDEN_SIZE, NUM_LEVELS, NUM_STEPS = 16, 64, 256, 2000


def make_contenders() -> dict[str, Contender]:
    """Makes the ways to draw; they agree in law, not draw by draw."""
    layer = rnnjax.language_model(
        NUM_LEVELS, [rnnjax.gru(HIDDEN_SIZE)], embedding_size=HIDDEN_SIZE
    )
    params = layer.init(jax.random.key(0), NUM_LEVELS)
    prompt = jnp.full((1, BATCH_SIZE), NUM_LEVELS // 2)
    step_layer: Any = layer.step

    def contender(choose):
        sampler = without_log_probs(sample_tokens(choose=choose))

        def run():
            key = jax.random.key(1)
            drawn = generate(layer, params, prompt, NUM_STEPS, key, sampler=sampler)
            return jax.block_until_ready(drawn.drawn)

        return run

    @functools.partial(jax.jit, static_argnums=1)
    def plain_loop(params, num_steps, key):
        def body(carry_and_token, step):
            carry, logits = step_layer(params, *carry_and_token)
            token = jax.random.categorical(jax.random.fold_in(key, step), logits)
            return (carry, token), token

        start = layer.initial_carry(params, (BATCH_SIZE,)), prompt[0]
        return jax.lax.scan(body, start, jnp.arange(num_steps))[1]

    return {
        "rnnjax": contender(inverse_cdf),
        "a key per step in the loop": lambda: jax.block_until_ready(
            plain_loop(params, NUM_STEPS, jax.random.key(1))
        ),
        "keys before the loop": contender(gumbel_max),
    }


CASES = (
    Case(
        f"{NUM_STEPS} samples, batch {BATCH_SIZE}, GRU {HIDDEN_SIZE}",
        make_contenders,
        {"a key per step in the loop": 3.0},
    ),
)
