"""Keras as a contender, with its JAX backend."""

import os

import jax.numpy as jnp

from experiments.benchmark.jax_program import Peer, load
from experiments.benchmark.work import Case, Program

# The positions of its gates among i, f, g, o and r, z, n.
ORDERS = {"elman": (0,), "lstm": (0, 1, 2, 3), "gru": (1, 0, 2)}


def layer(case: Case) -> Program:
    """Loads a recurrent layer of Keras, as a pure function."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    makers = {
        "elman": keras.layers.SimpleRNN,
        "lstm": keras.layers.LSTM,
        "gru": keras.layers.GRU,
    }
    recurrent = makers[case.cell](case.shape.size, return_sequences=True)
    batch_size, num_steps, size = case.shape
    recurrent.build((batch_size, num_steps, size))
    others = [variable.value for variable in recurrent.non_trainable_variables]

    def reorder(joined):
        gates = jnp.split(joined, len(ORDERS[case.cell]), axis=-1)
        return jnp.concatenate([gates[i] for i in ORDERS[case.cell]], axis=-1)

    def pack(weights):
        bias = reorder(weights["bias"])
        if case.cell == "gru":
            zeros = jnp.zeros(2 * size)
            recurrent_bias = jnp.concatenate([zeros, weights["candidate_bias"]])
            bias = jnp.stack([bias, recurrent_bias])
        matrices = [weights["kernel"], weights["recurrent_kernel"]]
        return [*map(reorder, matrices), bias]

    def apply(params, inputs):
        return recurrent.stateless_call(params, others, inputs)[0]

    return load(Peer(apply, pack, batch_first=True), case)
