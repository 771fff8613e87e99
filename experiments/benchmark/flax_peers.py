"""Flax as a contender: Linen and NNX."""

import jax
import jax.numpy as jnp
from flax import linen, nnx

from experiments.benchmark.jax_program import Peer, load
from experiments.benchmark.work import Case, Program

LINEN_CELLS = {
    "elman": linen.SimpleCell,
    "lstm": linen.OptimizedLSTMCell,
    "gru": linen.GRUCell,
}
NNX_CELLS = {"elman": nnx.SimpleCell, "lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}


def linen_rnn(case: Case) -> Program:
    """Loads `flax.linen.RNN`."""
    module = linen.RNN(LINEN_CELLS[case.cell](case.shape.size), time_major=True)

    def apply(params, inputs):
        return module.apply({"params": {"cell": params}}, inputs)

    return load(Peer(apply, lambda weights: _linen_params(case.cell, weights)), case)


def _linen_params(cell, weights):
    """Names one matrix per gate; a gate has one bias, the candidate of a GRU two."""
    names = {"elman": [""], "lstm": list("ifgo"), "gru": list("rzn")}[cell]

    def split(name):
        return jnp.split(weights[name], len(names), axis=-1)

    biased = "h" if cell == "lstm" else "i"
    params = {}
    for gate, kernel, recurrent, bias in zip(
        names, split("kernel"), split("recurrent_kernel"), split("bias")
    ):
        params[f"i{gate}"] = {"kernel": kernel}
        params[f"h{gate}"] = {"kernel": recurrent}
        params[f"{biased}{gate}"]["bias"] = bias
    if cell == "gru":
        params["hn"]["bias"] = weights["candidate_bias"]
    return params


def nnx_rnn(case: Case) -> Program:
    """Loads `flax.nnx.RNN`, as a pure function of its split state."""
    size = case.shape.size
    cell = NNX_CELLS[case.cell](size, size, rngs=nnx.Rngs(0))
    graph, state, rest = nnx.split(nnx.RNN(cell, time_major=True), nnx.Param, ...)
    structure = jax.tree.structure(state)
    biased = "dense_h" if case.cell == "lstm" else "dense_i"

    def pack(weights):
        params = {
            "dense_i": {"kernel": weights["kernel"]},
            "dense_h": {"kernel": weights["recurrent_kernel"]},
        }
        params[biased]["bias"] = weights["bias"]
        return jax.tree.unflatten(structure, jax.tree.leaves(params))

    def apply(params, inputs):
        return nnx.merge(graph, params, rest, copy=True)(inputs)

    return load(Peer(apply, pack, lacks=("candidate_bias",)), case)
