"""Chunks kept as one carry each: the inner engine's bits in far less memory."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman, gru, hoisted, lstm, remat, scan
from rnnjax.unroll import unroll
from tests.every import CELLS, every_alone
from tests.programs import draw_arguments
from tests.pytrees import assert_close, assert_same_bits
from tests.refusals import refuses

T, B, D, H = 10, 3, 2, 5
# of chunks that leave a rest, that divide, of one step, and longer than the sequence
OPTIONS = [{}, *({"chunk_length": length} for length in (3, 5, 1, 99))]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("inner", [scan, hoisted])
def test_outputs_are_the_inner_engines_to_the_bit(inner, reverse):
    cell = lstm(H)
    params = cell.init(jax.random.key(0), D)
    inputs = jax.random.normal(jax.random.key(1), (T, B, D))
    want = unroll(cell, params, inputs, reverse=reverse, engine=inner)
    for options in OPTIONS:
        engine = remat(inner, **options)
        got = unroll(cell, params, inputs, reverse=reverse, engine=engine)
        assert_same_bits(got, want)


@pytest.mark.parametrize("num_steps", [0, 1])
def test_short_sequences_run(num_steps):
    cell = gru(H)
    params = cell.init(jax.random.key(0), D)
    inputs = jax.random.normal(jax.random.key(1), (num_steps, B, D))
    for engine in (remat(), remat(chunk_length=1), remat(chunk_length=3)):
        for reverse in (False, True):
            got = unroll(cell, params, inputs, reverse=reverse, engine=engine)
            want = unroll(cell, params, inputs, reverse=reverse, engine=scan)
            assert_close(got, want, 1e-6)


def temporary_memory(cell, engine, num_steps):
    """Returns the bytes that the gradient of a scalar of the last carry works in."""
    params = cell.init(jax.random.key(0), D)

    def score(params, inputs):
        carry, _ = unroll(cell, params, inputs, engine=engine)
        return sum((x**2).sum() for x in jax.tree.leaves(carry))

    shape = jax.ShapeDtypeStruct((num_steps, B, D), jnp.float32)
    compiled = jax.jit(jax.grad(score)).lower(params, shape).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def test_long_sequence_takes_a_twentieth_of_the_memory():
    cell = lstm(64)
    plain = temporary_memory(cell, hoisted, 16384)
    assert temporary_memory(cell, remat(), 16384) <= 0.05 * plain


@pytest.mark.parametrize(
    ("cell", "budget"),
    [
        (lstm(64), 2**20),
        (lstm(64), 2**22),
        (lstm(64), 2**24),
        (gru(48), 2**20),
        (elman(100), 2**22),
    ],
)
def test_budget_is_kept(cell, budget):
    assert temporary_memory(cell, remat(memory_budget=budget), 4096) <= budget


@every_alone(CELLS, few=True)
def test_budget_takes_every_cell(case):
    """Among them cells of tokens and counters, with masks and resets."""
    rng = np.random.default_rng(0)
    params, *given, _ = draw_arguments(case, rng, (T, B), np.float32)
    given = dict(zip(("carry", "inputs", "mask", "is_first"), given))

    def run(engine):
        return unroll(case.cell, params, **given, engine=engine)

    budget = 2**16 if case.cell.input_ndim < 3 else 2**18
    assert_same_bits(run(remat(memory_budget=budget)), run(hoisted))


def test_larger_budget_means_longer_chunks():
    cell = lstm(H)
    params = cell.init(jax.random.key(0), D)

    def longest_chunk(budget):
        lengths = []

        def inner(cell, params, carry, inputs, **marks):
            lengths.append(len(inputs))
            return hoisted(cell, params, carry, inputs, **marks)

        engine = remat(inner, memory_budget=budget)
        unroll(cell, params, jnp.ones((512, B, D)), engine=engine)
        return max(lengths)

    longest = [longest_chunk(budget) for budget in (2**16, 2**18, 2**20)]
    assert longest == sorted(set(longest))


def test_budget_too_small_says_the_least():
    cell = lstm(H)
    params = cell.init(jax.random.key(0), D)
    inputs = np.ones((512, B, D), np.float32)
    with pytest.raises(ValueError) as error:
        unroll(cell, params, inputs, engine=remat(memory_budget=100))
    words = str(error.value).split()
    least = int(words[words.index("least") + 1])
    assert str(error.value).endswith("bytes for these 512 steps, got 100.")
    unroll(cell, params, inputs, engine=remat(memory_budget=least))
    with pytest.raises(ValueError, match=f"at least {least} bytes"):
        unroll(cell, params, inputs, engine=remat(memory_budget=least - 1))


test_one_positive_size_is_asked_for = refuses(
    *(
        (
            functools.partial(remat, **{name: x}),
            f"{name} must be a positive whole number, got {x}.",
        )
        for name in ("chunk_length", "memory_budget")
        for x in (0, -3, 2.5)
    ),
    (
        lambda: remat(chunk_length=3, memory_budget=1000),
        "chunk_length must be None where memory_budget is given, got 3 and 1000.",
    ),
)
