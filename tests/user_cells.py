"""Cells as a user writes them: each strains one thing the contracts promise."""

import jax
import jax.numpy as jnp

from rnnjax import Cell, Factors, factored_cell
from rnnjax.layers.tokens import embedding_lookup
from rnnjax.products import matmul


def normal(key, *shape):
    return 0.4 * jax.random.normal(key, shape)


def no_readout(params, carry, inputs):
    del params, inputs
    return carry


def counting(hidden_size):
    """A step and nothing else: a counter carried, trees of inputs and outputs."""

    def init(key, input_size):
        keys = jax.random.split(key)
        return {
            "kernel": normal(keys[0], input_size, hidden_size),
            "recurrent_kernel": normal(keys[1], hidden_size, hidden_size),
        }

    def initial_carry(params, batch_shape=()):
        dtype = params["kernel"].dtype
        return {
            "count": jnp.zeros(batch_shape, jnp.int32),
            "h": jnp.ones((*batch_shape, hidden_size), dtype),
        }

    def step(params, carry, inputs):
        h = jnp.sin(
            matmul(inputs["features"], params["kernel"])
            + matmul(carry["h"], params["recurrent_kernel"])
            + inputs["gain"][..., None] * (1 + carry["count"][..., None] % 3)
        )
        count = carry["count"] + 1
        return {"count": count, "h": h}, (h, {"count": count, "sum": h.sum(-1)})

    return Cell(init, initial_carry, step)


def reading_tokens(hidden_size):
    """Tokens read as rows of a table: one step's inputs have no axis."""

    def init(key, input_size):
        keys = jax.random.split(key)
        return {
            "embedding": normal(keys[0], input_size, hidden_size),
            "recurrent_kernel": normal(keys[1], hidden_size, hidden_size),
        }

    def initial_carry(params, batch_shape=()):
        return jnp.zeros((*batch_shape, hidden_size), params["embedding"].dtype)

    factors = Factors(
        project=lambda params, inputs: embedding_lookup(params["embedding"], inputs),
        recur=lambda params, carry: matmul(carry, params["recurrent_kernel"]),
        update=lambda params, carry, pre: jnp.tanh(pre),
        readout=no_readout,
    )
    return factored_cell(init, initial_carry, factors, input_ndim=0)


def convolving(num_channels):
    """Inputs `[length, channels]`; the carry is convolved around a ring."""

    def init(key, input_size):
        keys = jax.random.split(key, 4)
        length, channels = input_size
        return {
            "kernel": normal(keys[0], channels, num_channels),
            "left": normal(keys[1], num_channels, num_channels),
            "right": normal(keys[2], num_channels, num_channels),
            "bias": normal(keys[3], length, num_channels),
        }

    def initial_carry(params, batch_shape=()):
        bias = params["bias"]
        return jnp.zeros((*batch_shape, *bias.shape), bias.dtype)

    def recur(params, carry):
        left, right = jnp.roll(carry, 1, axis=-2), jnp.roll(carry, -1, axis=-2)
        return matmul(left, params["left"]) + matmul(right, params["right"])

    factors = Factors(
        project=lambda params, x: matmul(x, params["kernel"]) + params["bias"],
        recur=recur,
        update=lambda params, carry, pre: jnp.tanh(pre),
        readout=lambda params, carry, inputs: carry.sum(axis=-2),
    )
    return factored_cell(init, initial_carry, factors, input_ndim=2)


def reflecting(hidden_size):
    """A recurrent matrix made once an unroll, by `prepare`: a reflection.

    Only prepared parameters hold `recurrent_kernel`, and the initial carry needs it.
    """

    def init(key, input_size):
        keys = jax.random.split(key)
        return {
            "kernel": normal(keys[0], input_size, hidden_size),
            "normal": normal(keys[1], hidden_size),
        }

    def prepare(params):
        v = params["normal"]
        mirror = jnp.eye(hidden_size, dtype=v.dtype) - 2 * jnp.outer(v, v) / (v @ v)
        return {"kernel": params["kernel"], "recurrent_kernel": mirror}

    def initial_carry(params, batch_shape=()):
        row = params["recurrent_kernel"][0]
        return jnp.broadcast_to(row, (*batch_shape, hidden_size))

    factors = Factors(
        project=lambda params, inputs: matmul(inputs, params["kernel"]),
        recur=lambda params, carry: matmul(carry, params["recurrent_kernel"]),
        update=lambda params, carry, pre: jnp.tanh(pre),
        readout=no_readout,
    )
    return factored_cell(init, initial_carry, factors, prepare=prepare)


def of_second_order(hidden_size):
    """Two lags: the step before the last reaches this one too."""

    def init(key, input_size):
        keys = jax.random.split(key, 3)
        return {
            "kernel": normal(keys[0], input_size, hidden_size),
            "near": normal(keys[1], hidden_size, hidden_size),
            "far": normal(keys[2], hidden_size, hidden_size),
        }

    def initial_carry(params, batch_shape=()):
        zeros = jnp.zeros((*batch_shape, hidden_size), params["near"].dtype)
        return zeros, zeros

    def recur(params, carry):
        near, far = carry
        return matmul(near, params["near"]) + matmul(far, params["far"])

    factors = Factors(
        project=lambda params, inputs: matmul(inputs, params["kernel"]),
        recur=recur,
        update=lambda params, carry, pre: (jnp.tanh(pre), carry[0]),
        readout=lambda params, carry, inputs: carry[0] + inputs.sum(-1, keepdims=True),
    )
    return factored_cell(init, initial_carry, factors)
