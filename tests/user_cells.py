"""Cells as a user writes them: each strains one thing the contracts promise."""

import jax
import jax.numpy as jnp

from rnnjax import Cell, Factors, factored_cell
from rnnjax.layers.tokens import embedding_lookup
from rnnjax.products import matmul

PLAIN = Factors(
    project=lambda params, inputs: matmul(inputs, params["kernel"]),
    recur=lambda params, carry: matmul(carry, params["recurrent_kernel"]),
    update=lambda params, carry, pre: jnp.tanh(pre),
    readout=lambda params, carry, inputs: carry,
)


def drawing(shapes_of):
    """Makes an `init` that draws arrays of the shapes, `input_size -> shapes`."""

    def init(key, input_size):
        shapes = shapes_of(input_size)
        keys = jax.random.split(key, len(shapes))
        return {
            name: 0.4 * jax.random.normal(own, shape)
            for own, (name, shape) in zip(keys, shapes.items())
        }

    return init


def counting(hidden_size):
    """A step and nothing else: a counter carried, trees of inputs and outputs."""

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

    square = {"recurrent_kernel": (hidden_size, hidden_size)}
    init = drawing(lambda size: {"kernel": (size, hidden_size)} | square)
    return Cell(init, initial_carry, step)


def reading_tokens(hidden_size):
    """Tokens read as rows of a table: one step's inputs have no axis."""

    def initial_carry(params, batch_shape=()):
        return jnp.zeros((*batch_shape, hidden_size), params["embedding"].dtype)

    square = {"recurrent_kernel": (hidden_size, hidden_size)}
    init = drawing(lambda size: {"embedding": (size, hidden_size)} | square)
    factors = PLAIN._replace(
        project=lambda params, inputs: embedding_lookup(params["embedding"], inputs)
    )
    return factored_cell(init, initial_carry, factors, input_ndim=0)


def convolving(num_channels):
    """Inputs `[length, channels]`; the carry is convolved around a ring."""

    def shapes_of(input_size):
        length, channels = input_size
        both = dict.fromkeys(("left", "right"), (num_channels, num_channels))
        own = {"kernel": (channels, num_channels), "bias": (length, num_channels)}
        return own | both

    def initial_carry(params, batch_shape=()):
        bias = params["bias"]
        return jnp.zeros((*batch_shape, *bias.shape), bias.dtype)

    def recur(params, carry):
        left, right = jnp.roll(carry, 1, axis=-2), jnp.roll(carry, -1, axis=-2)
        return matmul(left, params["left"]) + matmul(right, params["right"])

    factors = PLAIN._replace(
        project=lambda params, x: matmul(x, params["kernel"]) + params["bias"],
        recur=recur,
        readout=lambda params, carry, inputs: carry.sum(axis=-2),
    )
    return factored_cell(drawing(shapes_of), initial_carry, factors, input_ndim=2)


def reflecting(hidden_size):
    """A recurrent matrix made once an unroll, by `prepare`: a reflection.

    Only prepared parameters hold `recurrent_kernel`, and the initial carry needs it.
    """

    def prepare(params):
        v = params["normal"]
        mirror = jnp.eye(hidden_size, dtype=v.dtype) - 2 * jnp.outer(v, v) / (v @ v)
        return {"kernel": params["kernel"], "recurrent_kernel": mirror}

    def initial_carry(params, batch_shape=()):
        row = params["recurrent_kernel"][0]
        return jnp.broadcast_to(row, (*batch_shape, hidden_size))

    normal = {"normal": (hidden_size,)}
    init = drawing(lambda size: {"kernel": (size, hidden_size)} | normal)
    return factored_cell(init, initial_carry, PLAIN, prepare=prepare)


def of_second_order(hidden_size):
    """Two lags: the step before the last reaches this one too."""

    def initial_carry(params, batch_shape=()):
        zeros = jnp.zeros((*batch_shape, hidden_size), params["near"].dtype)
        return zeros, zeros

    def recur(params, carry):
        near, far = carry
        return matmul(near, params["near"]) + matmul(far, params["far"])

    both = dict.fromkeys(("near", "far"), (hidden_size, hidden_size))
    init = drawing(lambda size: {"kernel": (size, hidden_size)} | both)
    factors = PLAIN._replace(
        recur=recur,
        update=lambda params, carry, pre: (jnp.tanh(pre), carry[0]),
        readout=lambda params, carry, inputs: carry[0] + inputs.sum(-1, keepdims=True),
    )
    return factored_cell(init, initial_carry, factors)
