"""Scheduled sampling: how often the decoder reads its own symbols in training."""

from typing import Any, Literal

import jax.numpy as jnp

from experiments.translation.batches import Batch
from rnnjax import decoding
from rnnjax.base import Array
from rnnjax.models.encoder_decoder import EncoderDecoder

Schedule = Literal["none", "half", "linear", "exponential", "inverse_sigmoid"]


def own_rate(config: Any, i: int) -> float:
    """Returns the probability that update i reads what the model drew itself.

    Args:
      config: `schedule` and `num_updates` of the experiment.
      i: the update, from 1.
    """
    match config.schedule:
        case "half":
            share = 0.5
        case "linear":
            share = decoding.linear_decay(i, config.num_updates, least=0.5)
        case "exponential":
            share = decoding.exponential_decay(i, 0.5 ** (4 / config.num_updates))
        case "inverse_sigmoid":
            share = decoding.inverse_sigmoid_decay(i, config.num_updates / 8)
        case _:
            share = 1.0
    return 1 - float(share)


def own_inputs(model: EncoderDecoder, batch: Batch, key: Array) -> Array:
    """Replaces some inputs by what the model draws, as the batch's rate says.

    Returns:
      `[B, T]`, as `batch.inputs`.
    """
    encoded = model.encode(batch.source, mask=batch.source_mask, copied=batch.copied)
    params, carry = model.begin(encoded)
    inputs = decoding.scheduled_inputs(
        model.layer,
        params,
        jnp.swapaxes(batch.inputs, 0, 1),
        key,
        batch.rate,
        sampler=decoding.sample_tokens(),
        carry=carry,
        mask=jnp.swapaxes(batch.mask, 0, 1),
    )
    return jnp.swapaxes(inputs, 0, 1)
