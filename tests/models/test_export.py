"""A trained model leaves the program that trained it, and comes back equal."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from rnnjax import cross_entropy_mean_over_steps, gru, lstm, recurrent
from rnnjax.layers.language_model import language_model
from tests.pytrees import assert_same_bits

T, B, VOCAB = 7, 3, 11


def train(model, tokens, num_updates):
    params = model.init(jax.random.key(0), VOCAB)
    optimizer = optax.adam(0.01)

    @jax.jit
    def update(params, opt_state):
        def loss(params):
            _, logits = model.apply(params, None, tokens[:-1])
            return cross_entropy_mean_over_steps(logits, tokens[1:])

        value, grads = jax.value_and_grad(loss)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, value

    opt_state, values = optimizer.init(params), []
    for _ in range(num_updates):
        params, opt_state, value = update(params, opt_state)
        values.append(value)
    assert values[-1] < values[0]
    return params


def test_trained_model_is_exported_and_read_back():
    model = language_model(VOCAB, [recurrent(lstm(5)), recurrent(gru(4))])
    tokens = np.random.default_rng(0).integers(VOCAB, size=(T + 1, B))
    params = train(model, jnp.asarray(tokens), 5)

    def run(params, carry, tokens):
        return model.apply(params, carry, tokens)

    carry = model.initial_carry(params, (B,))
    given = params, carry, jnp.asarray(tokens[:-1])
    exported = jax.export.export(jax.jit(run))(*given)
    read = jax.export.deserialize(exported.serialize())
    got_carry, got = read.call(*given)
    want_carry, want = jax.jit(run)(*given)
    assert_same_bits(got, want)
    assert_same_bits(got_carry, want_carry)
