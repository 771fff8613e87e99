"""Pointers and copying against loops over the rows of the memory, in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.attention import Memory, bind_memory
from rnnjax.decoding import beam_search, block_repeats
from rnnjax.layers import bind_source, causal_layer, copying, pointer
from tests.decoding.loops import log_softmax
from tests.decoding.models import draw_params

T, B, H, S, D, A, V, EXTRA = 3, 4, 5, 6, 7, 8, 9, 2
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(T, B, H)).astype(np.float32)
VALUES = RNG.normal(size=(S, B, D)).astype(np.float32)
MASK = RNG.random((S, B)) < 0.7
MASK[:, 3] = False  # no real row
SOURCE = RNG.integers(V + EXTRA, size=(S, B))
SOURCE[:4, 0] = SOURCE[1, 0]  # repeated
SOURCE[2, 1] = V  # outside the vocabulary
MASK[:4, :2] = True
POINTER = pointer(A, D)
COPYING = copying(V, A, D, num_extra=EXTRA)


@functools.cache
def params_of(layer):
    return draw_params(layer, H, scale=1.0)


def bound(layer, params, values=VALUES, mask=MASK, source=SOURCE):
    params = bind_memory(params, Memory(values, mask))
    return bind_source(params, source) if layer is COPYING else params


def run(layer, params):
    return np.asarray(compiled(layer)(params, None, INPUTS)[1])


@functools.cache
def compiled(layer):
    return jax.jit(layer.apply)


def energy(params, row, x):
    own = {name: np.float64(leaf) for name, leaf in params["attention"].items()}
    hidden = np.tanh(x @ own["query_kernel"] + row @ own["key_kernel"])
    return hidden @ own["energy_kernel"]


def energies(params, t, b):
    return np.array(
        [
            energy(params, VALUES[s, b], INPUTS[t, b]) if MASK[s, b] else -np.inf
            for s in range(S)
        ]
    )


def test_a_pointer_scores_every_real_row():
    params = params_of(POINTER)
    got = run(POINTER, bound(POINTER, params))
    for t, b in np.ndindex(T, B):
        want = energies(params, t, b) if MASK[:, b].any() else np.zeros(S)
        np.testing.assert_allclose(got[t, b], want, 1e-5, 1e-5)


def copied_by_hand(params, t, b):
    x = np.float64(INPUTS[t, b])
    probs = np.zeros(V + EXTRA)
    probs[:V] = np.exp(log_softmax(x @ params["kernel"] + params["bias"]))
    if not MASK[:, b].any():
        return probs
    gate = 1 / (1 + np.exp(-(x @ params["gate_kernel"] + params["gate_bias"])))
    weights = np.exp(log_softmax(energies(params, t, b)))
    probs *= gate
    for s in range(S):
        probs[SOURCE[s, b]] += (1 - gate) * weights[s]
    return probs


def test_copied_tokens_add_their_weights():
    params = params_of(COPYING)
    got = run(COPYING, bound(COPYING, params))
    for t, b in np.ndindex(T, B):
        want = copied_by_hand(params, t, b)
        np.testing.assert_allclose(np.exp(got[t, b]), want, 2e-5, 1e-7)
        np.testing.assert_allclose(want.sum(), 1, 1e-6)
    assert np.isneginf(got[:, 0, V:]).any() and got[:, 1, V].min() > -30


@functools.cache
def gradients(layer):
    def total(floating, mask, source, weights):
        params, values, inputs = floating
        own = bound(layer, params, values, mask, source)
        outputs = layer.apply(own, None, inputs)[1]
        return jnp.sum(jnp.where(outputs > -jnp.inf, outputs, 0) * weights)

    return jax.jit(jax.value_and_grad(total))


@pytest.mark.parametrize("layer", [POINTER, COPYING], ids=["pointer", "copying"])
def test_padding_of_the_memory_changes_nothing(layer):
    """Masked rows may hold NaN and their tokens anything; their gradient is 0."""
    width = S if layer is POINTER else V + EXTRA
    weights = RNG.normal(size=(T, B, width)).astype(np.float32)
    nan = np.where(MASK[..., None], VALUES, np.nan)
    other = np.where(MASK, SOURCE, -7)
    results = [
        gradients(layer)((params_of(layer), values, INPUTS), MASK, source, weights)
        for values, source in [(VALUES, SOURCE), (nan, other)]
    ]
    jax.tree.map(np.testing.assert_array_equal, *results)
    _, (_, of_values, _) = results[0]
    assert (of_values[~MASK] == 0).all() and (of_values[MASK] != 0).any()
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(results))


@pytest.mark.parametrize("gate", [-300.0, 300.0])
def test_a_saturated_gate_leaves_finite_logarithms_and_gradients(gate):
    """Probabilities would be 0: their logarithms are about -300."""
    params = params_of(COPYING) | {"gate_bias": np.float32(gate)}
    got = run(COPYING, bound(COPYING, params))
    assert np.isfinite(got[:, :3, :V]).all() and got[np.isfinite(got)].min() < -250
    values, grads = gradients(COPYING)(
        (params, VALUES, INPUTS), MASK, SOURCE, np.ones((T, B, V + EXTRA), np.float32)
    )
    assert all(np.isfinite(x).all() for x in jax.tree.leaves((values, grads)))


def test_a_token_that_is_hardly_attended_keeps_its_logarithm():
    """Relative to the best row it would underflow in float32."""
    params = params_of(COPYING) | {"gate_bias": np.float32(-20)}
    attention = params["attention"] | {
        "energy_kernel": 200 * params["attention"]["energy_kernel"]
    }
    params = params | {"attention": attention}
    got = run(COPYING, bound(COPYING, params))
    for t in range(T):
        want = log_softmax(energies(params, t, 1))[SOURCE[:, 1] == V].max()
        np.testing.assert_allclose(got[t, 1, V], want, 1e-4)
    assert got[:, 1, V].min() < -110


def test_a_token_of_the_source_outside_all_tokens_gives_nan():
    source = SOURCE.copy()
    source[0, 1] = V + EXTRA
    params = bound(COPYING, params_of(COPYING), source=source)
    got = run(COPYING, params)
    assert np.isnan(got[:, 1]).all() and not np.isnan(got[:, [0, 2, 3]]).any()


def test_a_pointer_takes_nothing_twice():
    """A beam search over the rows of the memory, each of which the next step reads."""

    def apply(params, carry, inputs, **marks):
        rows = jnp.take_along_axis(VALUES[..., :H], inputs[..., None], axis=0)
        return POINTER.apply(params, carry, rows, **marks)

    tour = causal_layer(POINTER.init, POINTER.initial_carry, apply, input_ndim=0)
    params = bound(POINTER, params_of(POINTER), mask=np.ones((S, B), bool))
    start, last = np.zeros((1, B), int), S - 1
    found = beam_search(
        tour, params, start, S, beam_size=4, end=last, constraints=[block_repeats(1)]
    )
    for row in range(B):
        taken = found.tokens[: found.lengths[0, row], 0, row].tolist()
        assert len(set(taken)) == len(taken) and last not in taken[:-1]
    assert found.lengths.max() > 2


def unbound_source():
    params = bind_memory(params_of(COPYING), Memory(VALUES, MASK))
    COPYING.apply(params, None, INPUTS)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: pointer(0, D), "size must be a positive whole number, got 0"),
        (lambda: copying(V, A, D, num_extra=-1), "num_extra must be 0 or more, got -1"),
        (unbound_source, "source must be bound to the parameters by bind_source"),
        (
            lambda: COPYING.apply(params_of(COPYING), None, INPUTS),
            "memory must be bound to the parameters by bind_memory, got None",
        ),
        (
            lambda: POINTER.apply(params_of(POINTER), None, INPUTS),
            "memory must be bound to the parameters by bind_memory, got None",
        ),
        (
            lambda: COPYING.apply(
                bound(COPYING, params_of(COPYING), source=SOURCE[:, 1]), None, INPUTS
            ),
            r"source must have the shape of the memory's rows, \(6, 4\), got \(6,\)",
        ),
        (
            lambda: bind_source(params_of(COPYING), INPUTS),
            "tokens must be integers, got float32",
        ),
        (
            lambda: bind_source(params_of(POINTER), SOURCE),
            "params must be those of a layer that copies, got none",
        ),
    ],
)
def test_what_does_not_fit_is_refused(attempt, message):
    with pytest.raises(ValueError, match=message):
        attempt()
