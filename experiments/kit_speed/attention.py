"""Attentive LSTMs on the default engine and on scan, forward and backward.

A decoder of 40 steps reads a memory of 40 rows at every step; every fourth sequence has
half as many. Loss and gradients of parameters, rows and inputs are computed.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from experiments.kit_speed.case import Case, Contender
from rnnjax import hoisted, lengths_to_mask, lstm, scan, unroll
from rnnjax.attention import (
    Memory,
    additive,
    attend_after,
    attend_before,
    bind_memory,
    dot,
    general,
)
from rnnjax.base import Cell

BATCH_SIZE, NUM_ROWS, NUM_STEPS, SIZE = 32, 40, 40, 256


def make_contenders(cell: Cell) -> dict[str, Contender]:
    """Makes the ways to compute a loss and its gradients.

    Args:
      cell: attends to rows of width `SIZE` and reads inputs as wide.

    Returns:
      The contenders, one per engine; each returns the loss and the gradients.
    """
    rng = np.random.default_rng(0)
    rows, inputs = (
        jnp.float32(rng.normal(size=(length, BATCH_SIZE, SIZE)))
        for length in (NUM_ROWS, NUM_STEPS)
    )
    lengths = np.where(np.arange(BATCH_SIZE) % 4, NUM_ROWS, NUM_ROWS // 2)
    mask = lengths_to_mask(jnp.asarray(lengths), NUM_ROWS)
    params = cell.init(jax.random.key(0), SIZE)

    @functools.partial(jax.jit, static_argnums=0)
    def with_gradients(engine, *arguments):
        def loss(params, rows, inputs):
            bound = bind_memory(params, Memory(rows, mask))
            return jnp.mean(unroll(cell, bound, inputs, engine=engine)[1] ** 2)

        return jax.value_and_grad(loss, argnums=(0, 1, 2))(*arguments)

    def contender(engine):
        return lambda: jax.block_until_ready(
            with_gradients(engine, params, rows, inputs)
        )

    return {"hoisted": contender(hoisted), "scan": contender(scan)}


CELLS = {
    "additive attention before the step": attend_before(
        lstm(SIZE), additive(SIZE), SIZE
    ),
    "dot attention before the step": attend_before(lstm(SIZE), dot(), SIZE),
    "general attention after the step, fed": attend_after(
        lstm(SIZE), general(), SIZE, output_size=SIZE
    ),
}
CASES = tuple(
    Case(
        f"{name}, forward and backward",
        functools.partial(make_contenders, cell),
        {"scan": 1.15},
        tolerance=1e-4,
    )
    for name, cell in CELLS.items()
)
