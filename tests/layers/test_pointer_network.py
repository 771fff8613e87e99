"""Pointer networks against loops, enumeration, and each row alone."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import rnnjax
from rnnjax.attention import Memory, additive, attend_before, bind_memory
from rnnjax.decoding import (
    beam_search,
    block_repeats,
    generate,
    greedy,
    least_length,
    sample_tokens,
)
from rnnjax.layers import (
    bidirectional,
    dense_bridge,
    embed,
    memory_rows,
    pointer,
    pointer_network,
    pointwise,
    recurrent,
    stack,
    take_once,
)
from rnnjax.models.pointer_network import PointerNetwork
from tests.pytrees import assert_same_bits

S, T, B, D, H, A, G = 6, 4, 3, 2, 5, 7, 4
M = 2 * H + D
RNG = np.random.default_rng(0)
ELEMENTS = RNG.normal(size=(S, B, D))
LENGTHS = np.array([6, 3, 1])
MASK = np.arange(S)[:, None] < LENGTHS
INPUTS = np.array([[0, 0, 0], [6, 3, 1], [2, 1, 0], [0, 2, 1]])
ENCODER = bidirectional(rnnjax.gru(H))
PLAIN = stack(memory_rows(M), recurrent(rnnjax.gru(G)), pointer(A, M))
GLIMPSING = stack(
    memory_rows(M),
    recurrent(attend_before(rnnjax.gru(G), additive(A), M)),
    pointer(A, M),
)
MODELS = {
    "plain": pointer_network(ENCODER, PLAIN, dense_bridge()),
    "glimpse": pointer_network(ENCODER, take_once(GLIMPSING), dense_bridge()),
}


@functools.cache
def draw(name, dtype="float64"):
    model = MODELS[name]
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), D))
    leaves, tree = jax.tree.flatten(shapes)
    rng = np.random.default_rng(1)
    drawn = [np.asarray(rng.normal(0, 0.6, leaf.shape)) for leaf in leaves]
    return jax.tree.unflatten(tree, [jnp.asarray(x, dtype) for x in drawn])


def test_the_decoder_reads_what_was_pointed_at_and_scores_every_row(x64):
    model, params = MODELS["plain"], draw("plain")
    outputs = jax.jit(model.apply)(params, ELEMENTS, INPUTS, source_mask=MASK)
    gru, of_both = rnnjax.gru(H), params["encoder"]
    own_gru, (_, of_cell, of_pointer) = rnnjax.gru(G), params["decoder"]
    for b, length in enumerate(LENGTHS):
        states = {}
        for name, order in (("forward", 1), ("backward", -1)):
            own = rnnjax.prepared(gru, of_both[name])
            h, states[name] = gru.initial_carry(own), []
            for x in ELEMENTS[:length, b][::order]:
                h, _ = gru.step(own, h, x)
                states[name].append(np.asarray(h))
        last = np.concatenate([states["backward"][-1], states["forward"][-1]])
        both = zip(states["forward"], states["backward"][::-1], ELEMENTS[:, b])
        memory = np.stack([params["end"], *map(np.concatenate, both)])
        (bridge,) = params["bridge"]
        h = np.tanh(last @ bridge["kernel"] + bridge["bias"])
        own, attention = rnnjax.prepared(own_gru, of_cell), of_pointer["attention"]
        for t in range(T):
            h, _ = own_gru.step(own, h, memory[INPUTS[t, b]])
            hidden = np.tanh(
                h @ attention["query_kernel"] + memory @ attention["key_kernel"]
            )
            expected = hidden @ attention["energy_kernel"]
            got = outputs[t, b, : length + 1]
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)
        assert np.isneginf(outputs[:, b, length + 1 :]).all()


@pytest.mark.parametrize("name", MODELS)
def test_padding_changes_nothing_and_a_row_gives_what_it_gives_alone(x64, name):
    """Also where the set is larger than any that the others are padded to."""
    model, params, row = MODELS[name], draw(name), 1
    length = LENGTHS[row]

    @jax.jit
    def together(params, elements):
        def total(params, elements):
            outputs = model.apply(params, elements, INPUTS, source_mask=MASK)
            finite = jnp.where(outputs > -jnp.inf, outputs, 0)
            return (finite * np.arange(1, S + 2)).sum(), outputs

        return jax.grad(total, argnums=(0, 1), has_aux=True)(params, elements)

    filled = [np.where(MASK[..., None], ELEMENTS, x) for x in (3.0, np.nan)]
    first, second = (together(params, x) for x in filled)
    assert_same_bits(first, second)
    (_, of_elements), outputs = first
    assert not of_elements[~MASK].any() and np.abs(of_elements[MASK]).min() > 0
    alone = jax.jit(model.apply)(params, ELEMENTS[:length, row], INPUTS[:, row])
    np.testing.assert_allclose(outputs[:, row, : length + 1], alone, rtol=0, atol=1e-13)


@functools.cache
def begun(name, num_elements):
    model, params = MODELS[name], draw(name, "float32")
    elements = np.float32(ELEMENTS[:num_elements, :1])
    begin = jax.jit(lambda p, x: model.begin(p, model.encode(p, x)))
    return model.decoder, *begin(params, elements)


def test_orders_without_repeats_share_the_probability():
    """All orders of none to three elements, each with its end, sum up to 1."""
    decoder, params, carry = begun("glimpse", 3)
    orders = [order for n in range(4) for order in itertools.permutations([1, 2, 3], n)]
    padded = np.array([[*order, *[0] * (4 - len(order))] for order in orders]).T
    inputs = np.pad(padded[:-1], ((1, 0), (0, 0)))
    lengths = np.array([len(order) + 1 for order in orders])
    run = jax.jit(jax.vmap(lambda x: decoder.apply(params, carry, x[:, None])[1]))
    log_probs = jax.nn.log_softmax(run(inputs.T)[:, :, 0])
    chosen = np.take_along_axis(np.asarray(log_probs), padded.T[..., None], -1)[..., 0]
    totals = np.where(np.arange(4) < lengths[:, None], chosen, 0).sum(axis=1)
    np.testing.assert_allclose(np.exp(totals).sum(), 1, rtol=1e-5)
    start = np.zeros((1, 1), int)
    found = beam_search(
        decoder, params, start, 4, beam_size=16, end=0, num_best=3, carry=carry
    )
    for n, best in enumerate(np.argsort(-totals)[:3]):
        assert found.tokens[:, n, 0].tolist() == padded[:, best].tolist()
        np.testing.assert_allclose(found.log_probs[n, 0], totals[best], rtol=1e-5)
    drawn = generate(
        decoder,
        params,
        np.zeros((1, 1), int),
        4,
        jax.random.key(3),
        sampler=sample_tokens(),
        carry=carry,
        end=0,
    )
    assert drawn.ended.all()


def test_a_search_takes_nothing_twice_by_the_constraint():
    decoder, params, carry = begun("plain", S)
    start = np.zeros((1, 1), int)
    options = {"end": 0, "carry": carry, "beam_size": 3}
    every = least_length(S + 1, 0)
    free, once = (
        beam_search(decoder, params, start, S + 1, constraints=forbids, **options)
        for forbids in ([every], [every, block_repeats(1)])
    )
    repeated, taken = (found.tokens[:, 0, 0].tolist() for found in (free, once))
    assert len(set(repeated)) < S  # else the constraint is not needed
    assert sorted(taken[:S]) == list(range(1, S + 1)) and taken[S] == 0


def test_what_was_read_is_forbidden_until_a_reset():
    """Against a loop; masked steps read nothing, chunks go on, rows are apart."""
    rows, steps = 5, 8
    flat = pointwise(
        lambda key, size: {},
        lambda params, numbers: jnp.zeros((*numbers.shape, rows)),
        input_ndim=0,
    )
    layer = take_once(flat)
    rng = np.random.default_rng(2)
    numbers = rng.integers(rows, size=(steps, B))
    mask, is_first = rng.random((2, steps, B)) < np.array([0.7, 0.2])[:, None, None]
    params = bind_memory(
        layer.init(jax.random.key(0), rows), Memory(np.ones((rows, 1)))
    )

    def run(carry, part):
        marks = {"mask": mask[part], "is_first": is_first[part]}
        return layer.apply(params, carry, numbers[part], **marks)

    _, got = run(None, slice(None))
    taken = [set() for _ in range(B)]
    for t, b in np.ndindex(steps, B):
        if is_first[t, b]:
            taken[b] = set()
        if mask[t, b]:
            taken[b] |= {numbers[t, b]} - {0}
        forbidden = [row in taken[b] and mask[t, b] for row in range(rows)]
        np.testing.assert_array_equal(np.isneginf(got[t, b]), forbidden)
    carry, first = run(None, slice(3))
    _, second = run(carry, slice(3, None))
    np.testing.assert_array_equal(np.concatenate([first, second]), got)


def test_rows_are_read_by_their_numbers():
    layer = memory_rows(D)
    memory = Memory(np.float32(ELEMENTS), MASK)
    params = bind_memory(layer.init(jax.random.key(0), 1), memory)
    numbers = np.array([[5, 2, 0], [0, 1, 4], [6, -1, 0]])
    _, got = layer.apply(params, None, numbers)
    for b in range(B):
        for t in range(2):
            want = ELEMENTS[numbers[t, b], b] * MASK[numbers[t, b], b]
            np.testing.assert_array_equal(got[t, b], np.float32(want))
    assert np.isnan(got[2, :2]).all() and np.isfinite(got[2, 2]).all()


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_the_dtype_of_the_parameters_decides(x64, dtype):
    model = MODELS["glimpse"]
    exact = jax.jit(model.apply)(draw("glimpse"), ELEMENTS, INPUTS, source_mask=MASK)
    got = jax.jit(model.apply)(
        draw("glimpse", dtype), ELEMENTS, INPUTS, source_mask=MASK
    )
    assert got.dtype == dtype
    finite = np.isfinite(exact)
    np.testing.assert_array_equal(np.isfinite(np.float64(got)), finite)
    error = np.abs(np.float64(got)[finite] - exact[finite]).max()
    assert error <= {"float64": 1e-12, "bfloat16": 0.1}[dtype]


def test_the_module_is_the_functions_batch_first():
    functions = MODELS["glimpse"]
    model = PointerNetwork(functions, D, rngs=nnx.Rngs(2))
    params = nnx.as_pure(model.params)
    elements = np.float32(ELEMENTS)
    start, options = jnp.zeros((1, B), int), {"end": 0}

    @jax.jit
    def run(model):
        want = functions.apply(params, elements, INPUTS, source_mask=MASK)
        got = model(elements.swapaxes(0, 1), INPUTS.T, source_mask=MASK.T)
        own, carry = model.begin(model.encode(elements.swapaxes(0, 1), mask=MASK.T))
        given = model.layer, own, start, S + 1
        one = beam_search(*given, beam_size=1, carry=carry, **options)
        key = jax.random.key(0)
        drawn = generate(*given, key, sampler=greedy, carry=carry, **options)
        return want.swapaxes(0, 1), got, one.tokens[:, 0], drawn.drawn

    want, got, one, drawn = run(model)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    np.testing.assert_array_equal(one, drawn)
    assert drawn.any()  # not the end at once everywhere


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: memory_rows(0), "memory_size must be a positive whole number, got 0"),
        (
            lambda: memory_rows(2).apply({"memory": None}, None, np.zeros((3, 1), int)),
            "memory must be bound",
        ),
        (
            lambda: memory_rows(2).apply(
                {"memory": Memory(np.ones((3, 2)))}, None, np.ones(3)
            ),
            "inputs must be integers, got float",
        ),
        (lambda: take_once(ENCODER), "decoder must be causal and read tokens"),
        (lambda: take_once(pointer(3, 2)), "decoder must be causal and read tokens"),
        (
            lambda: take_once(PLAIN).apply(
                take_once(PLAIN).init(jax.random.key(0), 1), None, np.zeros((3, 1), int)
            ),
            "memory must be bound",
        ),
        (
            lambda: pointer_network(embed(3), PLAIN, dense_bridge()).init(
                jax.random.key(0), 4
            ),
            "encoder must read vectors, got one of input_ndim 0",
        ),
    ],
)
def test_what_does_not_fit_is_refused(attempt, message):
    with pytest.raises(ValueError, match=message):
        attempt()
