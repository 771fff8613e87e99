"""A case computed by a JAX library, compiled ahead of time."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.benchmark.work import (
    LEARNING_RATE,
    MOMENTUM,
    PRODUCT_SIZE,
    Case,
    Program,
    make_data,
)


class Peer(NamedTuple):
    """What the benchmark needs of a JAX library.

    Attributes:
      apply: `(params, inputs) -> outputs`, from a carry of zeros.
      pack: `weights -> params`, differentiable: its transpose turns the gradients of
        `params` into those of `weights`.
      batch_first: whether inputs and outputs are `[B, T, ...]`.
      lacks: names of weights that the library does not have.
    """

    apply: Callable[[Any, Any], Any]
    pack: Callable[[Any], Any]
    batch_first: bool = False
    lacks: tuple[str, ...] = ()


def load(peer: Peer, case: Case, *, is_sharded: bool = False) -> Program:
    """Compiles a case.

    Args:
      peer: the library.
      case: the case.
      is_sharded: whether the batch is distributed over all devices.

    Returns:
      The program.
    """
    if case.work == "product":
        return _load_product(case.seed)
    data = make_data(case)
    weights = jax.tree.map(jnp.asarray, data.weights)
    sequences = [_reordered(peer, x) for x in (data.inputs, data.cotangents)]
    params, inputs, cotangents = _place(peer, peer.pack(weights), sequences, is_sharded)
    # This also warms up the compiler, so that the first case compiles like the others.
    outputs = np.asarray(jax.jit(peer.apply)(params, inputs))
    step, state = _WORK[case.work](peer.apply, params)
    began = time.perf_counter()
    compiled = step.lower(state, inputs, cotangents).compile()
    compile_seconds = time.perf_counter() - began

    def call():
        nonlocal state
        new = jax.block_until_ready(compiled(state, inputs, cotangents))
        if case.work == "train":
            state = new
        return new

    def results():
        found = {"outputs": _reordered(peer, outputs)}
        gradients = None
        match case.work, call():
            case "gradient", (_, (gradients, by_input)):
                found["gradient of inputs"] = _reordered(peer, np.asarray(by_input))
            case "train", (_, memory):
                gradients = optax.tree_utils.tree_get(memory, "trace")
        if gradients is not None:
            gradients = jax.tree.map(jnp.asarray, jax.device_get(gradients))
            (unpacked,) = jax.vjp(peer.pack, weights)[1](gradients)
            for name in unpacked.keys() - set(peer.lacks):
                found[f"gradient of {name}"] = np.asarray(unpacked[name])
        return found

    memory = compiled.memory_analysis()
    temp_bytes = None if memory is None else memory.temp_size_in_bytes
    return Program(call, results, compile_seconds, temp_bytes)


def _reordered(peer, sequence):
    """Swaps time and batch if the library expects it, for inputs and outputs."""
    return np.swapaxes(sequence, 0, 1) if peer.batch_first else sequence


def _place(peer, params, sequences, is_sharded):
    """Places the arrays on the first device, or the batch on all devices."""
    if not is_sharded:
        return params, *map(jnp.asarray, sequences)
    automatic = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((jax.device_count(),), ("batch",), automatic)
    spec = jax.P("batch") if peer.batch_first else jax.P(None, "batch")
    by_batch = jax.NamedSharding(mesh, spec)
    return (
        jax.device_put(params, jax.NamedSharding(mesh, jax.P())),
        *jax.device_put(sequences, by_batch),
    )


def _forward(apply, params):
    return jax.jit(lambda params, inputs, _: apply(params, inputs)), params


def _loss(apply, params, inputs, cotangents):
    return jnp.sum(apply(params, inputs) * cotangents)


def _gradient(apply, params):
    def step(params, inputs, cotangents):
        differentiated = jax.value_and_grad(_loss, (1, 2))
        return differentiated(apply, params, inputs, cotangents)

    return jax.jit(step), params


def _train(apply, params):
    """Makes an update by stochastic gradient descent with momentum, and its state."""
    optimizer = optax.sgd(LEARNING_RATE, MOMENTUM)

    def step(state, inputs, cotangents):
        params, memory = state
        gradients = jax.grad(_loss, 1)(apply, params, inputs, cotangents)
        updates, memory = optimizer.update(gradients, memory, params)
        return optax.apply_updates(params, updates), memory

    copies = jax.tree.map(jnp.copy, params)  # the state is donated, `params` is not
    state = (copies, optimizer.init(params))
    places = jax.tree.map(lambda leaf: leaf.sharding, state)
    return jax.jit(step, donate_argnums=0, out_shardings=places), state


_WORK = {"forward": _forward, "gradient": _gradient, "train": _train}


def _load_product(seed):
    """Compiles a large product, whose rate the others are compared with."""
    key = jax.random.key(seed)
    left = right = jax.random.normal(key, (PRODUCT_SIZE, PRODUCT_SIZE))
    compiled = jax.jit(jnp.matmul).lower(left, right).compile()
    return Program(lambda: jax.block_until_ready(compiled(left, right)), dict)
