"""Small trainings in which a trouble is planted, one at a time."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.shared.inspection import Examples, Inspection
from rnnjax import cross_entropy, last_step
from rnnjax.base import Array

NUM_ROWS, NUM_STEPS, WIDTH, NUM_CLASSES = 6, 11, 5, 3
NUM_EXAMPLES = 36
RNG = np.random.default_rng(0)


class Batch(NamedTuple):
    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray


def series(number, seed=0, num_columns=2):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(NUM_STEPS, num_columns)) for _ in range(number)]


def labels(inputs):
    """Labels that an Elman network learns quickly: the sign at the last step."""
    return [int(x[-1, 0] > 0) for x in inputs]


def init(key, scale=0.5):
    kernel, recurrent, head = jax.random.split(key, 3)
    return {
        "kernel": jax.random.normal(kernel, (2, WIDTH)),
        "recurrent": scale * jax.random.normal(recurrent, (WIDTH, WIDTH)),
        "head": jax.random.normal(head, (WIDTH, NUM_CLASSES)),
    }


def logits(params, batch, activation=jnp.tanh):
    def step(h, x):
        h = activation(x @ params["kernel"] + h @ params["recurrent"])
        return h, h

    inputs = jnp.swapaxes(jnp.asarray(batch.inputs, jnp.float32), 0, 1)
    start = jnp.zeros((inputs.shape[1], WIDTH))
    _, outputs = jax.lax.scan(step, start, inputs)
    last: Array = last_step(outputs, jnp.swapaxes(jnp.asarray(batch.mask), 0, 1))
    return last @ params["head"]


def loss(params, batch, key, squash=lambda x: x, **options):
    scores = squash(logits(params, batch, **options))
    return cross_entropy(scores, jnp.asarray(batch.targets)).mean()


def batches(inputs, targets, num_rows=NUM_ROWS):
    """Makes whole batches of the examples; the last one is as short as it is."""
    starts = range(0, len(inputs), num_rows)

    def batch(i):
        rows = slice(begin := starts[i % len(starts)], begin + num_rows)
        x = np.stack(inputs[rows])
        return Batch(x, np.array(targets[rows]), np.ones(x.shape[:2], bool))

    return len(starts), batch


def training(**changes):
    """Makes a healthy training, but for what is changed."""
    inputs = series(NUM_EXAMPLES)
    others = {"validation": series(12, 1), "test": series(13, 2)}
    parts = {"train": Examples(inputs, labels(inputs))}
    parts |= {name: Examples(x, labels(x)) for name, x in others.items()}
    epoch_length, batch = batches(inputs, labels(inputs))
    made = Inspection(
        init(jax.random.key(1)),
        loss,
        batch,
        epoch_length,
        optax.adam(0.03),
        parts,
        NUM_EXAMPLES,
    )
    return made._replace(**changes)
