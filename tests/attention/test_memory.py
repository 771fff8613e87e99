"""A memory: bound, laid out, shared, and refused where it does not fit."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import dense, embed, gru, language_model, lstm, recurrent, stack, unroll
from rnnjax.attention import (
    Memory,
    additive,
    attend_before,
    attention_layer,
    bind_memory,
    dot,
)
from rnnjax.base import prepared
from tests.attention.cases import CASES, B, D, H, M, S, T, draw, program
from tests.loop import in_numpy
from tests.pytrees import assert_close, steps

CELL = attend_before(gru(H), additive(6), M)


@in_numpy
def run(params, memory, inputs):
    return unroll(CELL, bind_memory(params, memory), inputs)[1]


@pytest.fixture
def params():
    return jax.tree.map(np.float64, CELL.init(jax.random.key(0), D))


def draw_memory(*shape):
    rng = np.random.default_rng(1)
    return Memory(rng.normal(size=shape), rng.random(shape[:-1]) < 0.7)


def test_memory_is_bound_wherever_one_is_read():
    decoder = stack(embed(3), recurrent(CELL), attention_layer(dot(), 9, 9), dense(4))
    params = jax.eval_shape(lambda key: decoder.init(key, 11), jax.random.key(0))
    for memory in (draw_memory(S, 9), draw_memory(2, 9)):
        bound = bind_memory(params, memory)
        assert bound[1]["memory"] is memory and bound[2]["memory"] is memory
        assert bind_memory(bound, draw_memory(3, 9))[1]["memory"].values.shape == (3, 9)
    assert params[1]["memory"] is None
    assert jax.tree.structure(bind_memory(bound, memory)) == jax.tree.structure(bound)


@pytest.mark.parametrize("shape", [(S, M), (S, B, M), (S, 2, 1, M)])
def test_memory_is_shared_along_axes_that_it_lacks(params, shape):
    """Axes of the batch that it does not have, or that have a size of 1."""
    inputs = np.random.default_rng(0).normal(size=(T, 2, B, D))
    memory = draw_memory(*shape)
    got = run(params, memory, inputs)
    for i, b in np.ndindex(2, B):
        place = [j if n > 1 else 0 for j, n in zip((i, b)[4 - len(shape) :], shape[1:])]
        own = jax.tree.map(lambda x: x[(slice(None), *place)], memory)  # noqa: B023
        assert_close(got[:, i, b], run(params, own, inputs[:, i, b]), 1e-14)


@pytest.mark.parametrize("name", ["additive-before"])
def test_vmap_equals_batch(name):
    """Over the memory, its mask and the inputs."""
    case = CASES[name]
    arguments = draw(case)
    _, want, _ = program(case.cell)(*arguments)

    def run_one(memory, inputs, mask, is_first):
        bound = bind_memory(arguments.params, memory)
        marks = {"mask": mask, "is_first": is_first}
        return unroll(case.cell, bound, inputs, **marks)[1]

    every = in_numpy(jax.vmap(run_one, in_axes=1, out_axes=1))
    memory, marked = arguments.params["memory"], arguments[2:5]
    assert_close(every(memory, *marked), want, 1e-14)


def test_beams_share_a_memory():
    """No copy of it for every beam is in the compiled program."""
    cell, num_beams = attend_before(lstm(H), dot(), H), 11
    params = cell.init(jax.random.key(0), D)
    memory = draw_memory(S, B, H)
    inputs = np.random.default_rng(0).normal(size=(num_beams, B, D))

    def step(carry, inputs):
        bound = prepared(cell, bind_memory(params, memory))
        return cell.step(bound, carry, inputs)

    bound = prepared(cell, bind_memory(params, memory))
    start = cell.initial_carry(bound, (num_beams, B))
    beams = jax.jit(jax.vmap(step)).lower(start, inputs).compile()
    sizes = {",".join(map(str, x)) for x in itertools.permutations((11, S, B, H))}
    assert not any(f"[{size}]" in beams.as_text() for size in sizes)
    got = beams(start, inputs)
    one = jax.jit(step)
    for k in range(num_beams):
        own_start, own_inputs = steps((start, inputs), k)
        assert_close(steps(got, k), one(own_start, own_inputs), 1e-6)


def test_dtype_of_the_cell_decides():
    dtypes = jnp.float32, jnp.bfloat16
    for dtype, of_memory in zip(dtypes, dtypes[::-1]):
        cell = attend_before(gru(H, dtype=dtype), additive(6, dtype=dtype), M)
        params = cell.init(jax.random.key(0), D)
        memory = Memory(jnp.zeros((S, B, M), of_memory))
        result = jax.eval_shape(
            lambda *x: unroll(cell, bind_memory(*x[:2]), x[2]),  # noqa: B023
            *(params, memory, jnp.zeros((T, B, D), jnp.float64)),
        )
        assert {x.dtype for x in jax.tree.leaves(result)} == {jnp.dtype(dtype)}


def test_decoder_is_a_stack_and_streams(params):
    """Sizes of what follows are found without a memory; steps equal the whole."""
    decoder = stack(embed(D), recurrent(CELL), dense(4))
    rng = np.random.default_rng(0)
    params = decoder.init(jax.random.key(0), 11)
    assert params[2]["kernel"].shape == (H + M, 4)
    tokens = rng.integers(11, size=(T, B)).astype(np.int32)
    bound = bind_memory(params, draw_memory(S, B, M))
    carry, want = jax.jit(decoder.apply)(bound, None, tokens)
    step, carry = jax.jit(decoder.step), decoder.initial_carry(bound, (B,))
    for t in range(T):
        carry, logits = step(bound, carry, tokens[t])
        assert_close(logits, want[t], 1e-6)


def test_language_model_attends():
    layer = language_model(11, [CELL, attend_before(lstm(H), additive(6), M)])
    params = jax.eval_shape(layer.init, jax.random.key(0))
    bound = bind_memory(params, draw_memory(S, M))
    tokens = jnp.zeros((T, B), jnp.int32)
    logits = jax.eval_shape(lambda bound: layer.apply(bound, None, tokens)[1], bound)
    assert logits.shape == (T, B, 11)


def refused(message, memory, cell=CELL, batch_shape=(B,)):
    params = cell.init(jax.random.key(0), D)
    with pytest.raises(ValueError, match=message):
        unroll(cell, bind_memory(params, memory), jnp.zeros((T, *batch_shape, D)))


def test_memory_that_is_not_bound_is_refused(params):
    message = "memory must be bound to the parameters by bind_memory, got None."
    layer = attention_layer(dot(), M, 5)
    of_layer = layer.init(jax.random.key(0), M)
    for use in (
        lambda: unroll(CELL, params, jnp.zeros((T, B, D))),
        lambda: prepared(CELL, params),
        lambda: recurrent(CELL).initial_carry(params, (B,)),
        lambda: layer.apply(of_layer, None, jnp.zeros((T, B, M))),
    ):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.parametrize("shape", [(B, S), (S,), (S, B, M), (S + 1, B)])
def test_mask_of_another_shape_is_refused(params, shape):
    message = rf"mask must be bool of shape \({S}, {B}\), got bool of shape"
    memory = Memory(np.ones((S, B, M)), np.ones(shape, bool))
    refused(message, memory)
    bound = {**params, "memory": memory}  # by hand
    with pytest.raises(ValueError, match=message):
        unroll(CELL, bound, jnp.zeros((T, B, D)))


def test_mask_that_is_not_bool_is_refused():
    refused(r"mask must be bool .* got int64", Memory(np.ones((S, M)), np.ones(S, int)))


@pytest.mark.parametrize("values", [np.ones((S, M), int), np.ones(M), np.float64(1)])
def test_values_that_are_no_rows_are_refused(values):
    refused(r"memory must have floating values \[S, \.\.\.batch, ", Memory(values))


def test_rows_of_another_width_are_refused():
    refused("memory must have rows of width memory_size 4, got", draw_memory(S, M + 1))


@pytest.mark.parametrize("batch", [(B + 1,), (2, B), (B, 1)])
def test_batch_of_another_shape_is_refused(batch):
    message = rf"memory must have batch axes that broadcast to \({B},\), got"
    refused(message, draw_memory(S, *batch, M))
    layer = attention_layer(additive(6), M, 5)
    bound = bind_memory(layer.init(jax.random.key(0), D), draw_memory(S, *batch, M))
    with pytest.raises(ValueError, match=message):
        layer.apply(bound, None, jnp.zeros((T, B, D)))


def test_batch_of_the_memory_alone_is_refused():
    """Also where it has as many sequences as there are steps."""
    refused("cell.step must return a carry", draw_memory(S, T, M), batch_shape=())
    layer = attention_layer(additive(6), M, 5)
    bound = bind_memory(layer.init(jax.random.key(0), D), draw_memory(S, T, M))
    with pytest.raises(ValueError, match=rf"broadcast to \(\), got \({T},\)"):
        layer.apply(bound, None, jnp.zeros((T, D)))


def test_params_that_read_no_memory_are_refused():
    params = lstm(H).init(jax.random.key(0), D)
    with pytest.raises(ValueError, match="params must be those of a cell or layer"):
        bind_memory(params, draw_memory(S, M))
