"""`sample_level` against its equations in NumPy, read at once, in parts and packed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import bidirectional, elman
from rnnjax.decoding import (
    generate,
    greedy,
    inverse_cdf,
    sample_tokens,
    without_log_probs,
)
from rnnjax.layers import bind_labels, sample_level
from rnnjax.models.sample_level import SampleLevel
from tests.pytrees import assert_close, assert_same_bits, draw_like

B, T, V, F, C, E, H, S = 2, 11, 7, 3, 4, 5, 6, 8
SIZES = (4, 2)
OPTIONS = {"context_size": C, "embedding_size": E, "hidden_size": H}
LAYER = sample_level([elman(S)], V, frame_size=F, label_sizes=SIZES, **OPTIONS)
LABELS = np.array([[3, 0], [1, 1]])
RUN = jax.jit(LAYER.apply)  # compiled once per set of arguments


def make(seed):
    rng = np.random.default_rng(seed)
    params = draw_like(rng, LAYER.init(jax.random.key(0), V))
    return params, rng.integers(V, size=(T, B))


def bound(params):
    return bind_labels(params, LABELS, SIZES)


def by_hand(params, levels, labels):
    """Returns the logits of one sequence."""
    h, outputs = np.zeros(S), []
    marks = np.concatenate([np.eye(n)[i] for n, i in zip(SIZES, labels)])
    (cell,) = params["slow"]
    for t in range(len(levels)):
        if t % F == 0:
            values = [
                2 * levels[i] / (V - 1) - 1 if i >= 0 else 0
                for i in range(t - F + 1, t + 1)
            ]
            x = np.concatenate([values, marks]) @ cell["kernel"]
            h = np.tanh(x + h @ cell["recurrent_kernel"] + cell["bias"])
            said = h @ params["hints"]["kernel"] + params["hints"]["bias"]
        vectors = [
            params["embedding"][levels[i]] if i >= 0 else np.zeros(E)
            for i in range(t - C + 1, t + 1)
        ]
        hint = said[t % F * H :][:H]
        z = np.maximum(np.concatenate(vectors) @ params["context_kernel"] + hint, 0)
        inner, scores = params["inner"], params["scores"]
        z = np.maximum(z @ inner["kernel"] + inner["bias"], 0)
        outputs.append(z @ scores["kernel"] + scores["bias"])
    return np.array(outputs)


def test_outputs_are_those_of_the_equations(x64):
    params, levels = make(0)
    _, logits = RUN(bound(params), None, levels)
    for b in range(B):
        assert_close(logits[:, b], by_hand(params, levels[:, b], LABELS[b]), 1e-12)


@pytest.mark.parametrize("cut", [1, 4, 6])
def test_at_once_in_parts_and_by_steps(x64, cut):
    params, levels = make(1)
    params = bound(params)
    want_carry, want = RUN(params, None, levels)
    carry, first = RUN(params, None, levels[:cut])
    carry, second = RUN(params, carry, levels[cut:])
    assert_close((carry, jnp.concatenate([first, second])), (want_carry, want), 1e-12)
    assert carry.phase.tolist() == [T % F] * B
    mask = np.ones((T, B), bool)
    assert_close(RUN(params, None, levels, mask=mask)[1], want, 1e-12)


def test_gaps_and_packed_sequences_are_each_alone(x64):
    params, levels = make(2)
    rng = np.random.default_rng(3)
    mask = rng.random((T, B)) < 0.6
    is_first = np.zeros((T, B), bool)
    is_first[5] = True
    levels = np.where(mask, levels, V - 1)
    _, logits = RUN(bound(params), None, levels, mask=mask, is_first=is_first)
    for b in range(B):
        for own in (slice(5), slice(5, T)):
            real = mask[own, b]
            alone = by_hand(params, levels[own, b][real], LABELS[b])
            assert_close(logits[own, b][real], alone, 1e-12)
            assert not logits[own, b][~real].any()


def test_gradients_are_those_of_finite_differences(x64):
    params, levels = make(4)
    rng = np.random.default_rng(5)
    weights, ahead = rng.normal(size=(T, B, V)), draw_like(rng, params)

    def loss(params, mask=None):
        logits = RUN(bound(params), None, levels, mask=mask)[1]
        return (weights * logits).sum()

    moved = lambda by: jax.tree.map(lambda x, d: x + by * d, params, ahead)  # noqa: E731
    grads = jax.jit(jax.grad(loss))(params)
    slope = sum(map(jnp.vdot, jax.tree.leaves(grads), jax.tree.leaves(ahead)))
    differences = (loss(moved(1e-7)) - loss(moved(-1e-7))) / 2e-7
    assert slope == pytest.approx(float(differences), rel=1e-5)
    by_steps = jax.jit(jax.grad(functools.partial(loss, mask=np.ones((T, B), bool))))
    assert_close(by_steps(params), grads, 1e-11)


@pytest.fixture(scope="module")
def model():
    options = OPTIONS | {"frame_size": F, "label_sizes": SIZES}
    return SampleLevel([elman(S)], V, **options, rngs=jax.random.key(3))


def test_the_module_is_its_layer_and_padding_changes_nothing(model):
    _, levels = make(6)
    params = model.bind(LABELS)
    _, logits = model.layer.apply(params, None, levels)
    assert_same_bits(model(levels.T, LABELS), jnp.swapaxes(logits, 0, 1))
    mask = np.arange(T) < np.array([[4], [T]])
    padded = np.where(mask, levels.T, -5)
    got = model(padded, LABELS, mask=mask)
    assert_close(got[0, :4], logits[:4, 0], 1e-6)
    assert not got[0, 4:].any() and got[1].any()
    assert_close(got[1], logits[:, 1], 1e-6)


def test_draws_are_read_again(model):
    params = model.bind(LABELS)
    start = jnp.full((1, B), 3)
    key = jax.random.key(1)
    drawn = generate(model.layer, params, start, T, key, sampler=greedy).drawn
    read = jnp.concatenate([start, drawn[:-1]])
    logits = model(read.T, LABELS)
    assert (jnp.argmax(logits, -1).T == drawn).all()
    sampler = sample_tokens(choose=inverse_cdf)
    slow = generate(model.layer, params, start, T, key, sampler=sampler)
    fast = generate(
        model.layer, params, start, T, key, sampler=without_log_probs(sampler)
    )
    assert (slow.drawn == fast.drawn).all() and fast.log_probs is None


def test_labels_are_heard(model):
    _, levels = make(7)
    other = LABELS.copy()
    other[0, 1] = 1
    first, second = model(levels.T, LABELS), model(levels.T, other)
    assert (first[0] != second[0]).any() and (first[1] == second[1]).all()


def test_wrong_arguments(model):
    with pytest.raises(ValueError, match=r"cells must be at least one, got none"):
        sample_level([], V)
    with pytest.raises(ValueError, match="cells must be causal"):
        sample_level([bidirectional(elman(3))], V)
    with pytest.raises(ValueError, match="label_sizes must be a positive whole number"):
        sample_level([elman(3)], V, label_sizes=(3, 0))
    with pytest.raises(ValueError, match=r"labels must be those of sizes \(4, 2\)"):
        model(np.zeros((B, T), int))
    with pytest.raises(ValueError, match=r"labels must be integers \[..., 2\], got"):
        model(np.zeros((B, T), int), LABELS[:, :1])
    with pytest.raises(ValueError, match="params must be those of sample_level"):
        bind_labels({}, LABELS, SIZES)
    params = LAYER.init(jax.random.key(0), V)
    with pytest.raises(ValueError, match="labels must be bound to the parameters"):
        RUN(params, None, jnp.zeros((T, B), int))
