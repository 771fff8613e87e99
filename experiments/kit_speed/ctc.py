"""CTC: the loss and its gradient against Optax, prefix beam search against NumPy.

Optax runs with frames and targets as it takes them, batch first. At 1600 frames its
gradient in float32 is wrong by 0.01 (`tests/losses/test_ctc.py` compares both with
float64), hence the tolerance.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.kit_speed.case import Case
from experiments.kit_speed.prefix_beam_loop import log_softmax, prefix_beam_loop
from rnnjax.decoding import ctc_beam_search
from rnnjax.losses import ctc_loss

SHAPES = (
    (16, 200, 32, 30),
    (32, 400, 32, 60),
    (16, 1600, 32, 200),
    (16, 400, 1000, 60),
)


def make_losses(batch, num_steps, vocab_size, num_targets, dtype=jnp.float32):
    """Makes functions that return the losses of a batch and their gradient."""
    rng = np.random.default_rng(0)
    shape = (num_steps, batch, vocab_size)
    logits = jnp.asarray(2 * rng.normal(size=shape), dtype)
    targets = jnp.asarray(rng.integers(1, vocab_size, (num_targets, batch)))
    lengths = rng.integers(num_steps * 3 // 4, num_steps + 1, batch)
    mask = jnp.asarray(np.arange(num_steps)[:, None] < lengths)
    lengths = rng.integers(num_targets // 2, num_targets + 1, batch)
    target_mask = jnp.asarray(np.arange(num_targets)[:, None] < lengths)

    def ours(logits):
        return ctc_loss(logits, targets, mask=mask, target_mask=target_mask).nats.sum()

    paddings = (1.0 - mask.T, 1.0 - target_mask.T)

    def by_optax(logits):
        return optax.ctc_loss(logits, paddings[0], targets.T, paddings[1]).sum()

    first, other = (jax.jit(jax.value_and_grad(loss)) for loss in (ours, by_optax))
    batch_first = jnp.swapaxes(logits, 0, 1)

    def run_optax():
        value, gradient = jax.block_until_ready(other(batch_first))
        return value, np.swapaxes(gradient, 0, 1)

    return {
        "rnnjax": lambda: jax.block_until_ready(first(logits)),
        "Optax": run_optax,
    }


def make_searches(batch=16, num_steps=60, vocab_size=30, beam_size=16):
    """Makes functions that return the best prefix of each row and its length."""
    rng = np.random.default_rng(0)
    logits = 3 * rng.normal(size=(num_steps, batch, vocab_size))
    logits[..., 0] += 3
    logits = jnp.asarray(logits, jnp.float32)

    def ours():
        found = ctc_beam_search(logits, beam_size=beam_size)
        return jax.block_until_ready((found.tokens[:, 0], found.lengths[0]))

    def in_numpy():
        log_probs = log_softmax(logits)
        tokens = np.zeros((num_steps, batch), int)
        lengths = np.zeros(batch, int)
        for row in range(batch):
            (prefix, _), *_ = prefix_beam_loop(log_probs[:, row], beam_size)
            tokens[: len(prefix), row], lengths[row] = prefix, len(prefix)
        return tokens, lengths

    return {"rnnjax": ours, "NumPy, a prefix at a time": in_numpy}


def loss_case(shape):
    """Returns the case of a shape: batch, frames, vocabulary, targets."""
    batch, num_steps, vocab_size, num_targets = shape
    name = (
        f"CTC loss and gradient, batch {batch}, {num_steps} frames, "
        f"{vocab_size} labels, {num_targets} targets"
    )
    make = functools.partial(make_losses, *shape)
    return Case(name, make, {"Optax": 1 / 1.1}, tolerance=2e-2)


CASES = (
    *map(loss_case, SHAPES),
    Case(
        "CTC prefix beam search, batch 16, 60 frames, 30 labels, beam 16",
        make_searches,
        {"NumPy, a prefix at a time": 10.0},
        tolerance=0.0,
    ),
)
