"""`Recognizer` against its equations, put together by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from rnnjax import gru, lstm, recurrent
from rnnjax.layers import bidirectional, embed, recognizer, stack, stack_steps
from rnnjax.losses import ctc_loss, transducer_loss
from rnnjax.models.recognizer import Recognizer
from tests.pytrees import assert_close, assert_same_bits

B, T, D, N, V, K, J = 3, 8, 4, 2, 6, 3, 7
LENGTHS, TARGET_LENGTHS = np.array([8, 4, 7]), np.array([2, 0, 1])
MASK = np.arange(T) < LENGTHS[:, None]
TARGET_MASK = np.arange(N) < TARGET_LENGTHS[:, None]
CAUSAL, BOTH = recurrent(lstm(5)), bidirectional(gru(5))
PREDICTOR = stack(embed(3), recurrent(gru(2)))


def make(encoder, **options):
    functions = recognizer(encoder, V, joint_size=J, **options)
    model = Recognizer(functions, D, rngs=nnx.Rngs(0))
    dtype = jnp.zeros(()).dtype  # float64 under x64
    params = jax.tree.map(lambda x: x.astype(dtype), nnx.state(model, nnx.Param))
    nnx.update(model, params)
    return model


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, T, D)), rng.integers(1, V, size=(B, N))


@nnx.jit
def loss_of(model, frames, targets):
    masks = {"mask": jnp.asarray(MASK), "target_mask": jnp.asarray(TARGET_MASK)}
    return model.loss(jnp.asarray(frames), jnp.asarray(targets), **masks).nats


def stacked_by_hand(frames, length):
    """A row's frames in groups of K, one after the other, zeros beyond the end."""
    steps = -(-length // K)
    padded = np.zeros((steps * K, D))
    padded[:length] = frames[:length]
    return padded.reshape(steps, K * D)


def test_steps_are_stacked(batch):
    frames, _ = batch
    mask = MASK.T.copy()
    mask[1, 0] = False  # a gap
    outputs, real = stack_steps(frames.swapaxes(0, 1), K, jnp.asarray(mask))
    frames = np.where(mask.T[..., None], frames, 0)
    for b, length in enumerate(LENGTHS):
        own = stacked_by_hand(frames[b], length)
        assert_close(outputs[: len(own), b], own, 1e-6)
        assert real[:, b].tolist() == [True] * len(own) + [False] * (3 - len(own))
        assert not outputs[len(own) :, b].any()


@pytest.mark.parametrize("encoder", [CAUSAL, BOTH])
def test_ctc_is_an_encoder_and_a_head(encoder, x64, batch):
    frames, targets = batch
    model = make(encoder, subsampling=K)
    own, head = nnx.as_pure(model.params["encoder"])
    logits, mask = model(frames, mask=jnp.asarray(MASK))
    nats = loss_of(model, frames, targets)

    @jax.jit
    def by_hand(x, own_targets):
        _, h = encoder.apply(own, None, x)
        expected = h @ head["kernel"] + head["bias"]
        return expected, ctc_loss(expected, own_targets).nats

    for b, length in enumerate(LENGTHS):
        x = stacked_by_hand(frames[b], length)
        expected, wanted = by_hand(x, targets[b, : TARGET_LENGTHS[b]])
        assert_close(logits[b, : len(x)], expected, 1e-12)
        assert int(mask[b].sum()) == len(x)
        assert_close(nats[b], wanted, 1e-12)


def test_a_transducer_joins_by_its_equation(x64, batch):
    frames, targets = batch
    model = make(BOTH, subsampling=K, predictor=PREDICTOR)
    params = nnx.as_pure(model.params)
    own, head = params["encoder"]
    reader, projection = params["predictor"]
    joiner = params["joiner"]
    nats = loss_of(model, frames, targets)

    @jax.jit
    def by_hand(x, own_targets):
        _, h = BOTH.apply(own, None, x)
        e = h @ head["kernel"] + head["bias"]
        before = jnp.concatenate([jnp.zeros(1, int), own_targets])
        _, p = PREDICTOR.apply(reader, None, before)
        joined = jnp.tanh(e[:, None] + (p @ projection["kernel"])[None])
        logits = joined @ joiner["kernel"] + joiner["bias"]
        return transducer_loss(logits, own_targets).nats

    for b, length in enumerate(LENGTHS):
        x = stacked_by_hand(frames[b], length)
        wanted = by_hand(x, targets[b, : TARGET_LENGTHS[b]])
        assert_close(nats[b], wanted, 1e-12)


@pytest.mark.parametrize("predictor", [None, PREDICTOR])
def test_padding_is_not_seen(predictor, x64, batch):
    frames, targets = batch
    model = make(BOTH, subsampling=K, predictor=predictor)
    graph, state = nnx.split(model)
    others = np.where(MASK[..., None], frames, np.nan)
    other_targets = np.where(TARGET_MASK, targets, V + 3)

    def total(state, frames, targets):
        return loss_of(nnx.merge(graph, state), frames, targets).sum()

    first, second = (
        jax.jit(jax.value_and_grad(total))(state, *given)
        for given in ((frames, targets), (others, other_targets))
    )
    assert_same_bits(first, second)
    greedy = jax.jit(model.greedy)
    found = [greedy(jnp.asarray(x), mask=jnp.asarray(MASK)) for x in (frames, others)]
    assert_same_bits(found[0][:3], found[1][:3])


@pytest.mark.parametrize("predictor", [None, PREDICTOR])
def test_chunks_give_what_the_whole_gives(predictor):
    rng = np.random.default_rng(3)
    model = make(CAUSAL, subsampling=2, predictor=predictor, max_symbols=2)
    # Large weights, so that symbols change often and repeat, and blanks occur.
    nnx.update(model, jax.tree.map(lambda x: 4 * x, nnx.state(model)))
    frames = rng.normal(size=(B, 24, D)).astype(np.float32)
    greedy = jax.jit(model.greedy)
    whole = greedy(frames)
    assert (np.asarray(whole.lengths) > 2).all()
    for sizes in ([2] * 12, [22, 2]):
        carry, begin = None, 0
        tokens, places = [[] for _ in range(B)], [[] for _ in range(B)]
        for size in sizes:
            found = greedy(frames[:, begin : begin + size], carry)
            for b, length in enumerate(found.lengths):
                tokens[b] += found.tokens[b, :length].tolist()
                places[b] += (found.frames[b, :length] + begin // 2).tolist()
            carry, begin = found.carry, begin + size
        for b, length in enumerate(whole.lengths):
            assert tokens[b] == whole.tokens[b, :length].tolist()
            assert places[b] == whole.frames[b, :length].tolist()
            assert not whole.frames[b, length:].any()


def test_the_dtype_of_the_parameters_decides(x64, batch):
    frames, targets = batch
    model = make(CAUSAL)
    assert model(frames.astype(np.float32))[0].dtype == jnp.float64
    params = jax.tree.map(lambda x: x.astype(jnp.bfloat16), nnx.state(model))
    nnx.update(model, params)
    assert model(frames)[0].dtype == jnp.bfloat16
    assert loss_of(model, frames, targets).dtype == jnp.float32


def test_wrong_arguments(batch):
    frames, _ = batch
    with pytest.raises(ValueError, match="predictor must be causal"):
        recognizer(CAUSAL, V, predictor=BOTH)
    with pytest.raises(ValueError, match="subsampling must be"):
        recognizer(CAUSAL, V, subsampling=0)
    with pytest.raises(ValueError, match="factor must be"):
        stack_steps(jnp.ones((3, 2)), 0)
    with pytest.raises(ValueError, match=r"inputs must be \[T, ..., D\]"):
        stack_steps(jnp.ones(3), 2)
    model = make(BOTH)
    carry = model.greedy(frames.astype(np.float32)).carry
    with pytest.raises(ValueError, match="carry must be None"):
        model.greedy(frames, carry)
