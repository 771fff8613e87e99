"""Sampling audio level by level: random numbers drawn before the loop, or within it.

A GRU of 64 units reads one of 256 levels and predicts the next one, for 16 sequences.
`gumbel_max` makes a key and 256 random numbers for every sequence and step, as a call
of `jax.random.categorical` in the loop does; `inverse_cdf` draws one number for each,
all of them before the loop.
"""

import jax
import jax.numpy as jnp

import rnnjax
from experiments.kit_speed.case import Case, Contender
from rnnjax.decoding import generate, gumbel_max, inverse_cdf, sample_tokens

BATCH_SIZE, HIDDEN_SIZE, NUM_LEVELS, NUM_STEPS = 16, 64, 256, 2000


def make_contenders() -> dict[str, Contender]:
    """Makes the two ways to draw; they agree in law, not draw by draw."""
    layer = rnnjax.language_model(
        NUM_LEVELS, [rnnjax.gru(HIDDEN_SIZE)], embedding_size=HIDDEN_SIZE
    )
    params = layer.init(jax.random.key(0), NUM_LEVELS)
    prompt = jnp.full((1, BATCH_SIZE), NUM_LEVELS // 2)

    def contender(choose):
        sampler = sample_tokens(choose=choose)

        def run():
            key = jax.random.key(1)
            drawn = generate(layer, params, prompt, NUM_STEPS, key, sampler=sampler)
            return jax.block_until_ready(drawn.drawn)

        return run

    return {
        "rnnjax": contender(inverse_cdf),
        "a key per step": contender(gumbel_max),
    }


CASES = (
    Case(
        f"{NUM_STEPS} samples, batch {BATCH_SIZE}, GRU {HIDDEN_SIZE}",
        make_contenders,
        {"a key per step": 3.0},
    ),
)
