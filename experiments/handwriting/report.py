"""What a run of handwriting measures."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.data.stroke_style import size_of, slant_of
from experiments.data.strokes import Drawing
from experiments.handwriting.batches import Batch, Batcher
from experiments.handwriting.loading import Symbols, encode
from experiments.shared import buckets as bucketing
from experiments.shared.compiling import quick_compile
from rnnjax.losses import negative_log_likelihood
from rnnjax.models.handwriting import Handwriting

PRIMED_TEXT = "handwriting"  # what is written in the style of every prime
NUM_PRIMES = 50
NOISE_SEED = 1  # of evaluations; training's begin with 0


def nats_of(graph: nnx.GraphDef, params: Any, batch: Batch) -> jax.Array:
    """Computes -log p of the offsets of a batch, `[T, B]` nats, zeros at padding."""
    model = nnx.merge(graph, params)
    outputs = model(
        batch.inputs, batch.text, mask=batch.mask, text_mask=batch.text_mask
    )
    outputs, targets, mask = (
        jnp.swapaxes(x, 0, 1) for x in (outputs, batch.targets, batch.mask)
    )
    return negative_log_likelihood(model.density, outputs, targets, mask)


def make_measure(
    module: Handwriting, symbols: Symbols, batch_size: int
) -> Callable[[Any, Sequence[Drawing]], float]:
    """Makes `measure(params, drawings)`: nats per point, each point counted once."""
    graph = nnx.graphdef(module)

    @functools.partial(jax.jit, compiler_options=quick_compile())
    def total(params, batch):
        return nats_of(graph, params, batch).sum()

    def measure(params: Any, drawings: Sequence[Drawing]) -> float:
        batcher = Batcher(encode(drawings, symbols), symbols, batch_size)
        nats, count = 0.0, 0
        for i, rows in enumerate(bucketing.rows_in_order(batcher.buckets)):
            batch = batcher.batch(rows, (NOISE_SEED, i))
            nats += float(total(params, batch))
            count += int(batch.mask.sum())
        return nats / count

    return measure


class Likeness(NamedTuple):
    """How much what was written is like its primes.

    Attributes:
      slant, size: the correlation over the primes of the prime's with the written
        line's.
      pairs: `[N, 4]`, slant and size of each prime and of the line written after it.
      ended: the share of lines that were written to their end.
      strokes: those of the lines that were written.
    """

    slant: float
    size: float
    pairs: np.ndarray
    ended: float
    strokes: list[list[np.ndarray]]


def measure_likeness(
    write: Callable[..., Any],
    params: Any,
    primes: Sequence[Drawing],
    *,
    text: str = PRIMED_TEXT,
    bias: float = 1.0,
) -> Likeness:
    """Writes one text after each prime, and compares slant and size."""
    written = write(params, [text] * len(primes), 0, bias=bias, primes=primes)
    pairs = np.array(
        [
            (
                *(slant_of(prime.strokes), size_of(prime.strokes)),
                *(slant_of(own.strokes), size_of(own.strokes)),
            )
            for prime, own in zip(primes, written)
        ]
    )
    slant, size = (
        float(np.corrcoef(pairs[:, i], pairs[:, i + 2])[0, 1]) for i in (0, 1)
    )
    ended = float(np.mean([own.ended for own in written]))
    return Likeness(slant, size, pairs, ended, [own.strokes for own in written])
