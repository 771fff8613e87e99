"""The modules under test as functions, the layers they equal, and what they read."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import rnnjax
from rnnjax import Layer
from rnnjax.layers.language_model import language_model
from rnnjax.layers.recurrent import as_layer
from rnnjax.models.language_model import LanguageModel
from rnnjax.models.linen import LinenRecurrent
from rnnjax.models.recurrent import Recurrent

BATCH, NUM_STEPS, INPUT, HIDDEN, VOCAB = 3, 7, 2, 5, 11
LENGTHS = (7, 4, 5)

LAYERS = {
    "cell": rnnjax.lstm(HIDDEN),
    "both_directions": rnnjax.bidirectional(rnnjax.gru(HIDDEN)),
    "stack": rnnjax.stack(
        rnnjax.recurrent(rnnjax.elman(4)),
        rnnjax.dropout(0.3),
        rnnjax.recurrent(rnnjax.gru(HIDDEN)),
    ),
}
CELLS = rnnjax.lstm(HIDDEN), rnnjax.recurrent(rnnjax.gru(4))
OPTIONS = {"embedding_size": 4, "dropout_rate": 0.3}


class Case(NamedTuple):
    """A module as functions.

    Attributes:
      state: what is trained.
      call: the module, `(state, inputs, carry=None, **options) -> (carry, outputs)`.
      params_of: `state -> params` of the layer.
      layer: what it must equal, time first.
    """

    state: Any
    call: Callable[..., Any]
    params_of: Callable[[Any], Any]
    layer: Layer


def nnx_case(module, layer):
    graph, state = nnx.split(module, nnx.Param)

    def call(state, *args, **options):
        return nnx.merge(graph, state)(*args, **options)

    def params_of(state):
        return nnx.as_pure(nnx.merge(graph, state).params)

    return Case(state, call, params_of, layer)


def make_case(name):
    """Makes a new module: "nnx" or "linen" and one of `LAYERS`, or a "model"."""
    kind, _, layer_name = name.partition(" ")
    if kind.endswith("model"):
        tied = {"tie_weights": kind == "tied_model"}
        module = make_language_model(1, **tied)
        return nnx_case(module, language_model(VOCAB, CELLS, **OPTIONS, **tied))
    layer = LAYERS[layer_name]
    if kind == "nnx":
        module = Recurrent(layer, INPUT, rngs=nnx.Rngs(1))
        return nnx_case(module, as_layer(layer))
    module = LinenRecurrent(layer, INPUT)
    variables = module.init(jax.random.key(1), next(draw_batches(1))["inputs"])
    return Case(
        variables,
        module.apply,
        lambda variables: variables["params"]["layer"],
        as_layer(layer),
    )


def make_language_model(seed, **options):
    return LanguageModel(VOCAB, CELLS, rngs=nnx.Rngs(seed), **(OPTIONS | options))


def draw_batches(num_batches, tokens=False):
    """Draws batches, batch first: inputs, targets, mask and a key."""
    rng = np.random.default_rng(0)
    mask = np.arange(NUM_STEPS) < np.array(LENGTHS)[:, None]
    shape = (BATCH, NUM_STEPS)
    for i in range(num_batches):
        if tokens:
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


def jitted(case):
    """Returns the call of a module with its first state."""
    return functools.partial(jax.jit(case.call), case.state)
