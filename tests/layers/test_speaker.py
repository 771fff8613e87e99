"""`speaker` against its equations, and what it says by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from rnnjax import bidirectional, embed, gru, recurrent, stack
from rnnjax.attention import Memory, attend_before, bind_memory, location_aware
from rnnjax.layers import speaker
from rnnjax.models.speaker import Speaker
from tests.pytrees import assert_close, draw_like

B, S, T, M, R, V = 2, 4, 7, 3, 2, 6
LENGTHS, TEXT_LENGTHS = (4, 7), (4, 2)
MASK = np.arange(T) < np.array(LENGTHS)[:, None]
TEXT_MASK = np.arange(S) < np.array(TEXT_LENGTHS)[:, None]
ENCODER = stack(embed(5), bidirectional(gru(4)))
CELL = attend_before(gru(9), location_aware(6, 3, 2), memory_size=8)
FUNCTIONS = speaker(
    ENCODER, CELL, M, num_together=R, reading_sizes=(10, 11), dropout_rate=0.0
)


def make_model(dtype):
    model = Speaker(FUNCTIONS, V, rngs=nnx.Rngs(0))
    drawn = draw_like(
        np.random.default_rng(0), nnx.state(model, nnx.Param), dtype=dtype, scale=0.6
    )
    nnx.update(model, drawn)
    return model


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(1)
    return rng.integers(V, size=(B, S)), rng.normal(size=(B, T, M))


def by_hand(model, text, groups):
    """Returns the outputs of one sequence `[T', R * M + 1]` from those before."""
    params = nnx.as_pure(model.params)
    _, rows = ENCODER.apply(params["encoder"], None, jnp.asarray(text))
    _, first, _, second, _, cell, last = params["decoder"]
    before = np.concatenate([np.zeros((1, R * M)), groups[:-1]])
    x = np.maximum(before @ first["kernel"] + first["bias"], 0)
    x = np.maximum(x @ second["kernel"] + second["bias"], 0)
    own = bind_memory(cell, Memory(rows))
    _, h = recurrent(CELL).apply(own, None, jnp.asarray(x))
    return np.asarray(h @ last["kernel"] + last["bias"])


def groups_of(frames, length):
    steps = -(-length // R)
    padded = np.zeros((steps * R, M))
    padded[:length] = frames[:length]
    return padded.reshape(steps, R * M)


def test_outputs_and_loss_are_those_of_the_equations(x64, batch):
    text, frames = batch
    model = make_model(np.float64)
    masks = {"text_mask": TEXT_MASK, "mask": MASK}
    predicted, stops = model(text, frames, **masks)
    losses = model.loss(text, frames, **masks)
    for b in range(B):
        groups = groups_of(frames[b], LENGTHS[b])
        want = by_hand(model, text[b, : TEXT_LENGTHS[b]], groups)
        steps = len(groups)
        assert_close(predicted[b, :steps], want[:, :-1], 1e-12)
        assert_close(stops[b, :steps], want[:, -1], 1e-12)
        assert not predicted[b, steps:].any() and not stops[b, steps:].any()
        said = want[:, :-1].reshape(-1, M)[: LENGTHS[b]]
        error = np.abs(said - frames[b, : LENGTHS[b]]).mean(axis=1).sum()
        chances = 1 / (1 + np.exp(-want[:, -1]))
        bits = np.arange(steps) == steps - 1
        nats = -np.log(np.where(bits, chances, 1 - chances)).sum()
        assert losses[b] == pytest.approx(error + nats, rel=1e-10)


def test_padding_changes_nothing(x64, batch):
    text, frames = batch
    model = make_model(np.float64)
    masks = {"text_mask": TEXT_MASK, "mask": MASK}
    graph, state = nnx.split(model, nnx.Param)

    def run(state, frames, text):
        return nnx.merge(graph, state).loss(text, frames, **masks).sum()

    grad = jax.value_and_grad(run)
    want = grad(state, jnp.asarray(frames), text)
    spoiled = jnp.where(MASK[..., None], frames, jnp.nan)
    other = np.where(TEXT_MASK, text, (text + 1) % V)
    got = grad(state, spoiled, other)
    assert_close(got, want, 1e-12)


def test_what_is_said_is_what_it_would_predict(x64, batch):
    text, _ = batch
    model = make_model(np.float64)
    said = model.speak(text, 9, text_mask=TEXT_MASK)
    assert said.frames.shape == (B, 10, M)  # whole groups
    for b in range(B):
        length = int(said.lengths[b])
        groups = np.asarray(said.frames[b]).reshape(-1, R * M)[: length // R]
        want = by_hand(model, text[b, : TEXT_LENGTHS[b]], groups)
        assert_close(groups, want[:, :-1], 1e-12)
        stops = want[:, -1] > 0
        assert not stops[:-1].any() and stops[-1] == said.ended[b]
        assert said.ended[b] or length == 10
        assert not said.frames[b, length:].any()


def test_it_learns_when_to_stop():
    """Texts of one symbol that says how long a ramp is."""
    functions = speaker(ENCODER, CELL, 1, reading_sizes=(12,), dropout_rate=0.0)
    model = Speaker(functions, V, rngs=nnx.Rngs(0))
    text = np.array([[1], [2]])
    lengths = np.array([[4], [8]])
    mask = np.arange(8) < lengths
    frames = np.broadcast_to(np.arange(8)[:, None] / 8, (2, 8, 1))
    graph, params = nnx.split(model, nnx.Param)
    optimizer = optax.adam(2e-2)

    def loss(params):
        return nnx.merge(graph, params).loss(text, frames, mask=mask).sum()

    @jax.jit
    def train(params):
        def update(state, _):
            params, opt_state = state
            updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state)
            return (optax.apply_updates(params, updates), opt_state), None

        return jax.lax.scan(update, (params, optimizer.init(params)), length=150)[0][0]

    trained = nnx.merge(graph, train(params))
    said = trained.speak(text, 20)
    assert said.ended.all() and said.lengths.tolist() == [4, 8]
    np.testing.assert_allclose(said.frames[:, :8], mask[..., None] * frames, atol=0.15)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="num_together must be a positive whole"):
        speaker(ENCODER, CELL, M, num_together=0)
    with pytest.raises(ValueError, match="reading_sizes must be at least one, got"):
        speaker(ENCODER, CELL, M, reading_sizes=())
    model = make_model(np.float32)
    with pytest.raises(ValueError, match="num_frames must be a positive whole number"):
        model.speak(np.zeros((1, 1), int), 0)
