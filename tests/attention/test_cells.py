"""Makers of what attends: rows, cost, relations, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import (
    cell_catalogue,
    gru,
    hoisted,
    lstm,
    min_gru,
    recurrent,
    scan,
    stack,
    unroll,
)
from rnnjax.attention import (
    Memory,
    additive,
    attend_after,
    attend_before,
    attention_layer,
    bind_memory,
    coverage,
    dot,
    general,
    location_aware,
    multi_head,
    window,
)
from rnnjax.attention.rows import input_matrices
from rnnjax.base import prepared
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from tests import user_cells
from tests.attention.cases import B, D, H, M, S, T
from tests.loop import in_numpy
from tests.pytrees import assert_close, draw_like

CATALOGUE = [
    pytest.param(entry, id=entry.call, marks=own_marks)
    for entry in cell_catalogue()
    if entry.draw is None and not entry.space and not entry.square
    for own_marks in [() if entry.call == "min_gru(H)" else pytest.mark.slow]
]


REFUSED = {
    "elman_with_output(H, 10)": "cell must show its carry alone, got one whose outputs",
    "lru(H)": "cell must show its carry alone, got one whose outputs",
}


@pytest.mark.parametrize("entry", CATALOGUE)
def test_step_is_that_of_the_cell_on_inputs_and_glimpse(entry):
    """Whether the rows of its matrices are split or the vectors joined."""
    own = entry.make(entry.test_size)
    message = REFUSED.get(entry.call, "cell must have factors, got one that is only")
    if own.factors is None or entry.call in REFUSED:
        with pytest.raises(ValueError, match=message):
            attend_before(own, additive(6), M).init(jax.random.key(0), D)
        return
    rng = np.random.default_rng(0)
    memory = Memory(rng.normal(size=(S, B, M)))
    x = rng.normal(size=(B, D))
    for make in (attend_before, attend_after):
        cell = make(own, additive(6), M)
        shapes = jax.eval_shape(lambda key: cell.init(key, D), jax.random.key(0))  # noqa: B023
        params = draw_like(rng, shapes)

        @jax.jit
        def step(params, carry, x):
            bound = prepared(cell, bind_memory(params, memory))  # noqa: B023
            return cell.step(bound, carry, x)[0]  # noqa: B023

        bound = prepared(cell, bind_memory(params, memory))
        carry = draw_like(rng, cell.initial_carry(bound, (B,)))
        new_carry = step(params, carry, x)
        fed = (new_carry if make is attend_before else carry).attended
        joined = np.concatenate([x, fed], axis=-1)
        want, _ = own.step(prepared(own, params["cell"]), carry.cell, joined)
        assert_close(new_carry.cell, want, 1e-12)


def test_matrices_that_multiply_the_inputs_are_found():
    """And nothing is said of a cell whose inputs do more than that."""
    names = {}
    for own in (lstm(H), gru(H), learned_initial_carry(lstm(H))):
        params = own.init(jax.random.key(0), D)
        leaves = jax.tree.leaves_with_path(params)
        (found,) = input_matrices(own)
        names[own] = jax.tree_util.keystr(leaves[found][0])
    assert list(names.values()) == ["['kernel']", "['kernel']", "['cell']['kernel']"]
    assert input_matrices(min_gru(H)) is None  # gates are made of inputs alone


def test_layer_equals_cell_that_does_not_feed():
    """Luong without feeding: after the recurrent layer, or inside its step."""
    rng = np.random.default_rng(0)
    cell = attend_after(lstm(H), general(), M, output_size=3, feed=False)
    layer = stack(recurrent(lstm(H)), attention_layer(general(), M, 3))
    shapes = jax.eval_shape(lambda key: cell.init(key, D), jax.random.key(0))
    params = draw_like(rng, shapes)
    memory = Memory(rng.normal(size=(S, B, M)), rng.random((S, B)) < 0.7)
    inputs, mask = rng.normal(size=(T, B, D)), rng.random((T, B)) < 0.7

    @in_numpy
    def run(params, memory):
        bound = bind_memory(params, memory)
        names = "attention", "memory", "output_kernel"
        of_layer = bound["cell"], {name: bound[name] for name in names}
        _, got = layer.apply(of_layer, None, inputs, mask=mask)
        return got, unroll(cell, bound, inputs, mask=mask)[1]

    got, want = run(params, memory)
    assert_close(got, want, 1e-14)


def test_layer_shows_its_weights():
    layer = attention_layer(multi_head(6, 2), M, 3, show_weights=True)
    rng = np.random.default_rng(0)
    memory = Memory(rng.normal(size=(S, B, M)), rng.random((S, B)) < 0.7)
    params = bind_memory(layer.init(jax.random.key(0), D), memory)
    inputs, mask = rng.normal(size=(T, B, D)), rng.random((T, B)) < 0.7
    _, shown = jax.jit(layer.apply)(params, None, inputs, mask=mask)
    weights = np.asarray(shown["weights"])
    assert weights.shape == (T, B, 2, S)
    of_each_head = np.repeat(1.0 * mask[..., None], 2, axis=-1)
    assert_close(weights.sum(axis=-1), of_each_head, 1e-6)
    assert not np.any(weights * ~memory.mask.T[:, None])


def test_given_carry_decides_the_first_query():
    """As where a decoder begins from the last state of an encoder."""
    cell = attend_before(lstm(M), dot(), M, show_weights=True)
    params = cell.init(jax.random.key(0), D)
    bound = bind_memory(params, Memory(50 * np.eye(M)))
    start = cell.initial_carry(prepared(cell, bound))
    for place in range(M):
        own = LSTMCarry(h=jnp.eye(M, dtype=jnp.float32)[place], c=start.cell.c)
        carry = start._replace(cell=own)
        _, shown = unroll(cell, bound, np.zeros((1, D)), carry=carry)
        assert np.argmax(shown["weights"][0]) == place


def test_equal_options_give_the_same_cell():
    def make():
        return attend_after(lstm(H), additive(6), M, output_size=3)

    assert make() is make()
    assert attention_layer(dot(), M, 3) is attention_layer(dot(), M, output_size=3)


def test_hoisted_takes_a_third_of_the_memory_of_scan():
    """Additive attention: what tanh gives is computed anew, scan keeps it."""
    num_steps, batch, rows, size = 40, 32, 40, 256
    cell = attend_before(lstm(size), additive(size), size)
    params = jax.eval_shape(lambda key: cell.init(key, size), jax.random.key(0))
    values = jax.ShapeDtypeStruct((rows, batch, size), jnp.float32)
    mask = jax.ShapeDtypeStruct((rows, batch), bool)
    inputs = jax.ShapeDtypeStruct((num_steps, batch, size), jnp.float32)

    def temporaries(engine):
        def loss(params, values, inputs, mask):
            bound = bind_memory(params, Memory(values, mask))
            return jnp.sum(unroll(cell, bound, inputs, engine=engine)[1] ** 2)

        gradient = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))
        compiled = gradient.lower(params, values, inputs, mask).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert 0 < temporaries(hoisted) <= temporaries(scan) / 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: additive(0), "size must be a positive whole number, got 0"),
        (lambda: multi_head(6, 0), "num_heads must be a positive whole number, got 0"),
        (lambda: multi_head(6, 4), "size must be a multiple of num_heads 4, got 6"),
        (lambda: location_aware(6, 0, 2), "width must be a positive whole number"),
        (lambda: location_aware(6, 3, -1), "num_filters must be a positive whole"),
        (lambda: coverage(2.5), "size must be a positive whole number, got 2.5"),
        (lambda: window(0), "num_components must be a positive whole number, got 0"),
        (lambda: attend_before(gru(H), additive(6), 0), "memory_size must be a pos"),
        (
            lambda: attend_after(gru(H), additive(6), M, output_size=0),
            "output_size must be a positive whole number, got 0",
        ),
        (
            lambda: attend_before(user_cells.counting(H), dot(), H),
            "cell must have factors, got one that is only a step",
        ),
        (
            lambda: attend_after(user_cells.reading_tokens(H), dot(), H),
            "cell must read vectors, got one of input_ndim 0",
        ),
        (
            lambda: attend_before(gru(H), dot(), M).init(jax.random.key(0), D),
            "memory_size must be 5, the width of the query, .*, got 4",
        ),
        (
            lambda: attend_before(gru(H), dot(), H).init(jax.random.key(0), 0),
            "input_size must be a positive whole number",
        ),
        (
            lambda: attention_layer(window(2), M, 3),
            "attention must have no state to read at all steps at once, got one",
        ),
        (lambda: attention_layer(dot(), M, 0), "output_size must be a positive whole"),
    ],
)
def test_what_makers_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()
