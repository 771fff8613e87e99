"""Haiku and Equinox as contenders."""

import jax
import jax.numpy as jnp

from experiments.benchmark.jax_program import Peer, load
from experiments.benchmark.work import Case, Program


def haiku(case: Case) -> Program:
    """Loads `haiku.dynamic_unroll` of an LSTM."""
    import haiku as hk

    def unroll(inputs):
        core = hk.LSTM(case.shape.size)
        initial_state = core.initial_state(case.shape.batch_size)
        return hk.dynamic_unroll(core, inputs, initial_state)[0]

    transformed = hk.without_apply_rng(hk.transform(unroll))

    def pack(weights):
        """Reorders the gates i, f, g, o to i, g, f, o; Haiku's step adds 1 to f."""

        def reorder(joined):
            i, f, g, o = jnp.split(joined, 4, axis=-1)
            return jnp.concatenate([i, g, f, o], axis=-1)

        kernels = jnp.concatenate([weights["kernel"], weights["recurrent_kernel"]])
        i, f, g, o = jnp.split(weights["bias"], 4)
        bias = reorder(jnp.concatenate([i, f - 1, g, o]))
        return {"lstm/linear": {"w": reorder(kernels), "b": bias}}

    return load(Peer(transformed.apply, pack), case)


def equinox(case: Case) -> Program:
    """Loads a cell of `equinox.nn` in `jax.lax.scan`, as in its documentation."""
    import equinox as eqx

    size = case.shape.size
    make = {"lstm": eqx.nn.LSTMCell, "gru": eqx.nn.GRUCell}[case.cell]
    template = make(size, size, key=jax.random.key(0))

    def pack(weights):
        leaves = [weights["kernel"].T, weights["recurrent_kernel"].T, weights["bias"]]
        if case.cell == "gru":
            leaves.append(weights["candidate_bias"])
            at = lambda c: (c.weight_ih, c.weight_hh, c.bias, c.bias_n)  # noqa: E731
        else:
            at = lambda c: (c.weight_ih, c.weight_hh, c.bias)  # noqa: E731
        return eqx.tree_at(at, template, tuple(leaves))

    def apply(cell, inputs):
        zeros = jnp.zeros((inputs.shape[1], size))
        carry = (zeros, zeros) if case.cell == "lstm" else zeros

        def step(carry, inputs):
            carry = jax.vmap(cell)(inputs, carry)
            return carry, carry[0] if case.cell == "lstm" else carry

        return jax.lax.scan(step, carry, inputs)[1]

    return load(Peer(apply, pack), case)
