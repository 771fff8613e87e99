"""Training steps of a translator, with input feeding and without attention.

One LSTM layer reads the source, another writes the target; loss, gradients and Adam. In
PyTorch an LSTM is `torch.nn.LSTM`, and with input feeding, where each step reads what
the attention of the step before has left, a loop over `torch.nn.LSTMCell`: both as one
writes them. The first losses are compared before; a test compares all gradients.
"""

import functools
import importlib.util
from typing import Any

import jax
import numpy as np
import optax

from experiments.kit_speed.case import Case, Contender
from rnnjax import cross_entropy, dense, embed, lstm, recurrent, stack
from rnnjax.attention import attend_after, general
from rnnjax.layers import EncoderDecoder, copy_bridge, encoder_decoder

BATCH_SIZE, NUM_READ, NUM_WRITTEN, SIZE, VOCAB_SIZE = 32, 40, 40, 256, 1000
LEARNING_RATE = 1e-3


def make_model(feeds: bool, size: int, vocab_size: int) -> EncoderDecoder:
    """Makes the translator, of one width and as many symbols on both sides."""
    cell = lstm(size)
    writes = attend_after(cell, general(), size, output_size=size) if feeds else cell
    encoder = stack(embed(size), recurrent(cell))
    decoder = stack(embed(size), recurrent(writes), dense(vocab_size))
    return encoder_decoder(encoder, decoder, copy_bridge())


def make_contenders(feeds: bool) -> dict[str, Contender]:
    """Makes the ways to do a training step on one batch, again and again.

    Args:
      feeds: whether the decoder attends and feeds what it saw to its next step.

    Returns:
      The contenders; each returns the loss before the step, nats per sequence.
    """
    rng = np.random.default_rng(0)
    source = rng.integers(VOCAB_SIZE, size=(NUM_READ, BATCH_SIZE))
    target = rng.integers(VOCAB_SIZE, size=(NUM_WRITTEN + 1, BATCH_SIZE))
    model = make_model(feeds, SIZE, VOCAB_SIZE)
    params = model.init(jax.random.key(0), VOCAB_SIZE, VOCAB_SIZE)
    contenders = {"rnnjax": ours(model, params, source, target)}
    if importlib.util.find_spec("torch") is not None:
        from experiments.kit_speed.torch_translation import in_torch

        contenders["PyTorch"] = in_torch(params, source, target, LEARNING_RATE)
    return contenders


def ours(model: EncoderDecoder, params: Any, source: Any, target: Any) -> Contender:
    """Makes the contender of the library, which keeps its own state."""
    optimizer = optax.adam(LEARNING_RATE)

    def loss(params):
        logits = model.apply(params, source, target[:-1])
        return cross_entropy(logits, target[1:]).sum(axis=0).mean()

    @jax.jit
    def step(params, opt_state):
        value, grads = jax.value_and_grad(loss)(params)
        updates, opt_state = optimizer.update(grads, opt_state)
        return optax.apply_updates(params, updates), opt_state, value

    state = params, optimizer.init(params)

    def train():
        nonlocal state
        *state, value = jax.block_until_ready(step(*state))
        return value

    return train


CASES = tuple(
    Case(name, functools.partial(make_contenders, feeds), {"PyTorch": goal}, 1e-4)
    for name, feeds, goal in (
        ("training step of a translator, input feeding", True, 1.3),
        ("training step of a translator, plain LSTMs", False, 0.9),
    )
)
