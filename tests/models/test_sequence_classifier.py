"""`SequenceClassifier` against its equations, put together by hand, one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from rnnjax import gru, lstm
from rnnjax.attention import additive_pooling
from rnnjax.layers import bidirectional, dropout, embed, last_read, last_step, mean_pool
from rnnjax.models.sequence_classifier import SequenceClassifier
from tests.pytrees import assert_close, assert_same_bits

B, T, D, H, K, VOCAB, N = 3, 7, 2, 5, 4, 9, 6
LENGTHS = (7, 1, 4)
MASK = np.arange(T) < np.array(LENGTHS)[:, None]


def make(input_size, layers, pooling):
    model = SequenceClassifier(input_size, layers, N, pooling=pooling, rngs=nnx.Rngs(0))
    params = nnx.state(model, nnx.Param)
    rng = np.random.default_rng(1)  # so that no bias is zero
    nnx.update(
        model, jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), params)
    )
    return model


def draw_tokens():
    return np.random.default_rng(0).integers(VOCAB, size=(B, T))


def draw_features():
    return np.random.default_rng(0).normal(size=(B, T, D))


def outputs_by_hand(cell, params, x):
    """The outputs of one sequence without padding, step by step."""
    carry, outputs, run = cell.initial_carry(params), [], jax.jit(cell.step)
    for step in x:
        carry, output = run(params, carry, step)
        outputs.append(np.asarray(output))
    return np.stack(outputs)


def scores_by_hand(model, pooled):
    head = nnx.as_pure(model.scores.params)
    return pooled @ head["kernel"] + head["bias"]


@pytest.mark.parametrize(
    "pooling", [last_step, mean_pool, None], ids=["last", "mean", "none"]
)
def test_tokens_in_one_direction(x64, pooling):
    tokens, cell = draw_tokens(), lstm(H)
    model = make(VOCAB, [embed(D), cell], pooling)
    table, own = nnx.as_pure(model.body.params)
    found = model(tokens, mask=jnp.asarray(MASK))
    for b, length in enumerate(LENGTHS):
        h = outputs_by_hand(cell, own, table["embedding"][tokens[b, :length]])
        pooled = {last_step: h[-1], mean_pool: h.mean(axis=0), None: h}[pooling]
        want = scores_by_hand(model, pooled)
        assert_close(found[b, :length] if pooling is None else found[b], want, 1e-12)
        assert pooling is not None or not found[b, length:].any()


def test_features_in_both_directions_by_what_each_read_last(x64):
    features, cell = draw_features(), gru(H)
    model = make(D, [bidirectional(cell)], last_read)
    (own,) = nnx.as_pure(model.body.params)
    found = model(features, mask=jnp.asarray(MASK))
    for b, length in enumerate(LENGTHS):
        x = features[b, :length]
        forward = outputs_by_hand(cell, own["forward"], x)[-1]
        backward = outputs_by_hand(cell, own["backward"], x[::-1])[-1]
        want = scores_by_hand(model, np.concatenate([forward, backward]))
        assert_close(found[b], want, 1e-12)


def test_attention(x64):
    features, cell = draw_features(), gru(H)
    model = make(D, [cell], additive_pooling(K))
    (own,) = nnx.as_pure(model.body.params)
    pool: dict = nnx.as_pure(model.pooling_params)  # type: ignore
    found, weights = (
        call(features, mask=jnp.asarray(MASK)) for call in (model, model.weigh)
    )
    for b, length in enumerate(LENGTHS):
        h = outputs_by_hand(cell, own, features[b, :length])
        energies = (
            np.tanh(h @ pool["key_kernel"] + pool["bias"]) @ pool["energy_kernel"]
        )
        shares = np.exp(energies) / np.exp(energies).sum()
        assert_close(weights[b, :length], shares, 1e-12)
        assert not weights[b, length:].any()
        assert_close(found[b], scores_by_hand(model, shares @ h), 1e-12)


def test_padding_is_not_seen_and_without_a_key_nothing_is_dropped(x64):
    features = draw_features()
    layers = [dropout(0.4), lstm(H), dropout(0.4)]
    model = make(D, layers, additive_pooling(K))
    filled = np.where(MASK[..., None], features, np.nan)
    first, second = (model(x, mask=jnp.asarray(MASK)) for x in (features, filled))
    assert_same_bits(first, second)
    keys = jax.random.split(jax.random.key(2))
    one, two = (model(features, mask=jnp.asarray(MASK), key=key) for key in keys)
    assert not np.allclose(one, two)


def test_bad_arguments():
    rngs = nnx.Rngs(0)
    with pytest.raises(ValueError, match="num_outputs must be a positive whole number"):
        SequenceClassifier(D, [lstm(H)], 0, rngs=rngs)
    with pytest.raises(ValueError, match="layers must be at least one, got none"):
        SequenceClassifier(D, [], N, rngs=rngs)
    model = SequenceClassifier(D, [lstm(H)], N, rngs=rngs)
    with pytest.raises(ValueError, match="pooling must have weights, got <function"):
        model.weigh(draw_features())
