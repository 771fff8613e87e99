"""The modules under test, each with its functional path, and what they read."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import rnnjax
from rnnjax.models.language_model import LanguageModel
from rnnjax.models.recurrent import Recurrent

BATCH, NUM_STEPS, INPUT, HIDDEN, VOCAB = 3, 7, 2, 5, 11
LENGTHS = (7, 4, 5)

LAYERS = {
    "cell": lambda: rnnjax.lstm(HIDDEN),
    "both_directions": lambda: rnnjax.bidirectional(rnnjax.gru(HIDDEN)),
    "stack": lambda: rnnjax.stack(
        rnnjax.recurrent(rnnjax.elman(4)),
        rnnjax.dropout(0.3),
        rnnjax.recurrent(rnnjax.gru(HIDDEN)),
    ),
}


def draw_batches(num_batches, input_ndim=1):
    """Draws batches, batch first: inputs, targets, mask and a key."""
    rng = np.random.default_rng(0)
    mask = np.arange(NUM_STEPS) < np.array(LENGTHS)[:, None]
    shape = (BATCH, NUM_STEPS)
    for i in range(num_batches):
        if input_ndim == 0:
            inputs = rng.integers(VOCAB, size=shape).astype(np.int32)
        else:
            inputs = rng.normal(size=(*shape, INPUT)).astype(np.float32)
        yield {
            "inputs": inputs,
            "targets": rng.integers(HIDDEN, size=shape).astype(np.int32),
            "mask": mask,
            "key": jax.random.fold_in(jax.random.key(4), i),
        }


def swapped(*arrays):
    return tuple(jnp.swapaxes(x, 0, 1) for x in arrays)


def make_language_model(seed, **options):
    cells = [rnnjax.lstm(HIDDEN), rnnjax.recurrent(rnnjax.gru(4))]
    options = {"embedding_size": 4, "dropout_rate": 0.3} | options
    return LanguageModel(VOCAB, cells, rngs=nnx.Rngs(seed), **options)


def language_model_by_hand(tied, params, inputs, mask, key):
    """The model of `make_language_model` in the functional API, time first."""
    body = rnnjax.stack(
        rnnjax.embed(4),
        rnnjax.dropout(0.3),
        rnnjax.recurrent(rnnjax.lstm(HIDDEN)),
        rnnjax.dropout(0.3),
        rnnjax.recurrent(rnnjax.gru(4)),
        rnnjax.dropout(0.3),
    )
    h = body.apply(params["body"], None, inputs, mask=mask, key=key)[1]
    kernel = params["body"][0]["embedding"].T if tied else params["head"]["kernel"]
    return jnp.where(mask[..., None], h @ kernel + params["head"]["bias"], 0)


def layer_by_hand(cell_or_layer, params, inputs, mask, key):
    if isinstance(cell_or_layer, rnnjax.Cell):
        return rnnjax.unroll(cell_or_layer, params, inputs, mask=mask)[1]
    return cell_or_layer.apply(params, None, inputs, mask=mask, key=key)[1]


def make_case(name):
    """Returns a new module, its functional path and the rank of its inputs."""
    if name in LAYERS:
        layer = LAYERS[name]()
        module = Recurrent(layer, INPUT, rngs=nnx.Rngs(1))
        return module, functools.partial(layer_by_hand, layer), 1
    tied = name == "tied_model"
    module = make_language_model(1, tie_weights=tied)
    return module, functools.partial(language_model_by_hand, tied), 0


def jitted(module):
    """Returns the call of a module under `jax.jit`."""
    graph, state = nnx.split(module)
    call = jax.jit(
        lambda state, *args, **options: nnx.merge(graph, state)(*args, **options)
    )
    return functools.partial(call, state)
