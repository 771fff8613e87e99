"""`Captioner` against its equations in NumPy, its functions, and its padding."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from rnnjax import dense, elman, embed, gru, recurrent, stack
from rnnjax.attention import additive, attend_before, uniform
from rnnjax.decoding import beam_search, generate, greedy
from rnnjax.layers import captioner, dense_bridge, language_model
from rnnjax.models.captioner import Captioner
from rnnjax.models.image_network import ImageNetwork, vgg_like
from tests.pytrees import assert_close, assert_same_bits

B, K, T, S, E, H, C, V = 2, 3, 5, 6, 4, 7, 8, 9  # C: features, V: words
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(B, S, C))
INPUTS = RNG.integers(V, size=(B * K, T))
MASK = np.arange(T) < np.array([5, 3, 0, 1, 2, 5])[:, None]


def decoder(reader):
    return stack(embed(E), recurrent(reader), dense(V))


READERS = {
    "first": captioner(decoder(elman(H)), dense_bridge()),
    "every": captioner(decoder(attend_before(elman(H), uniform(), C))),
    "attend": captioner(decoder(attend_before(gru(H), additive(3), C)), dense_bridge()),
}


@functools.cache
def drawn(name):
    """A captioner with parameters of float64."""
    with jax.enable_x64(True):
        model = Captioner(READERS[name], C, V, rngs=nnx.Rngs(0))
        rng = np.random.default_rng(1)
        values = jax.tree.map(
            lambda x: 0.5 * rng.normal(size=x.shape), nnx.state(model)
        )
        nnx.update(model, values)
        return model


def in_numpy(model):
    return jax.tree.map(np.asarray, nnx.as_pure(model.params))


@pytest.mark.parametrize("name", ["first", "every"])
def test_scores_equal_the_equations(x64, name):
    model = drawn(name)
    got = jax.jit(model)(FEATURES, INPUTS)
    params = in_numpy(model)
    table, cell, head = params["decoder"]
    cell = cell.get("cell", cell)
    for n, tokens in enumerate(INPUTS):
        image = FEATURES[n // K].mean(axis=0)
        h = np.zeros(H)
        if name == "first":
            own = params["bridge"][0]
            h = np.tanh(image @ own["kernel"] + own["bias"])
        for t, token in enumerate(tokens):
            x = table["embedding"][token]
            if name == "every":
                x = np.concatenate([x, image])
            pre = x @ cell["kernel"] + h @ cell["recurrent_kernel"] + cell["bias"]
            h = np.tanh(pre)
            shown = np.concatenate([h, image]) if name == "every" else h
            logits = shown @ head["kernel"] + head["bias"]
            assert_close(got[n, t], logits, 1e-12)


def test_the_module_is_its_functions_behind_its_network(x64):
    network = ImageNetwork(vgg_like((4, C)), rngs=nnx.Rngs(2))
    model = Captioner(READERS["attend"], C, V, network=network, rngs=nnx.Rngs(3))
    images = RNG.normal(size=(B, 9, 6, 3)).astype(np.float32)

    @jax.jit
    def both(model):
        maps = network(images)
        rows = jnp.swapaxes(maps.reshape(B, -1, C), 0, 1).repeat(K, axis=1)
        encoded = model.functions.encode(nnx.as_pure(model.params), rows)
        params, carry = model.functions.begin(nnx.as_pure(model.params), encoded)
        _, logits = model.layer.apply(params, carry, INPUTS.T, mask=MASK.T)
        return model(images, INPUTS, mask=MASK), logits

    got, expected = both(model)
    assert got.shape == (B * K, T, V)
    assert_close(got, jnp.swapaxes(expected, 0, 1), 1e-6)
    assert not got[~MASK].any()


@pytest.mark.parametrize("name", READERS)
def test_words_in_padding_are_not_seen(x64, name):
    """A word beyond the vocabulary is read as NaN."""
    graph, params = nnx.split(drawn(name))

    @jax.jit
    def gradients(inputs):
        def loss(params):
            logits = nnx.merge(graph, params)(FEATURES, inputs, mask=MASK)
            return (logits**2).sum()

        return jax.value_and_grad(loss)(nnx.as_pure(params))

    value, grads = gradients(np.where(MASK, INPUTS, 0))
    assert_same_bits((value, grads), gradients(np.where(MASK, INPUTS, V)))
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(grads))


def test_beams_have_the_scores_of_teacher_forcing():
    model = Captioner(READERS["attend"], C, V, rngs=nnx.Rngs(4))
    features, start = FEATURES.astype(np.float32), jnp.zeros((1, B), int)

    @jax.jit
    def decode(model):
        params, carry = model.begin(model.encode(features))
        options = {"carry": carry, "end": 1}
        found = beam_search(
            model.layer, params, start, T, beam_size=3, num_best=2, **options
        )
        one = beam_search(model.layer, params, start, T, beam_size=1, **options)
        key = jax.random.key(0)
        own = generate(model.layer, params, start, T, key, sampler=greedy, **options)
        return found, one.tokens, own.drawn

    found, one, own = decode(model)
    np.testing.assert_array_equal(one[:, 0], own)
    tokens = jnp.moveaxis(found.tokens, 0, -1).swapaxes(0, 1).reshape(2 * B, T)
    inputs = jnp.concatenate([jnp.zeros((2 * B, 1), int), tokens[:, :-1]], axis=1)
    is_real = jnp.arange(T) < found.lengths.T.reshape(-1, 1)
    log_probs = jax.nn.log_softmax(model(features, inputs, mask=is_real))
    log_probs = jnp.take_along_axis(log_probs, tokens[..., None], -1)[..., 0]
    forced = jnp.where(is_real, log_probs, 0).sum(axis=1).reshape(B, 2)
    np.testing.assert_allclose(forced.T, found.log_probs, rtol=1e-5, atol=1e-5)


def test_dropout_needs_a_key():
    functions = captioner(decoder(gru(H)), dense_bridge(), dropout_rate=0.5)
    model = Captioner(functions, C, V, rngs=nnx.Rngs(0))
    features = FEATURES.astype(np.float32)
    plain, again, *random = (
        model(features, INPUTS, key=key)
        for key in (None, None, jax.random.key(0), jax.random.key(1))
    )
    assert_same_bits(plain, again)
    assert not np.allclose(plain, random[0]) and not np.allclose(*random)


def test_bad_arguments():
    model = Captioner(READERS["first"], C, V, rngs=nnx.Rngs(0))
    features = FEATURES.astype(np.float32)
    with pytest.raises(ValueError, match="a multiple of 2 captions, .* got 5"):
        model(features, INPUTS[:5])
    with pytest.raises(ValueError, match=r"features of rank 3, got shape \(6, 8\)"):
        model(features[0], INPUTS)
    network = ImageNetwork(vgg_like((4, 5)), rngs=nnx.Rngs(2))
    with pytest.raises(ValueError, match="feature_size must be 5, .* got 8"):
        Captioner(READERS["first"], C, V, network=network, rngs=nnx.Rngs(0))
    model = Captioner(READERS["first"], 5, V, network=network, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="images must be of rank 4, got shape"):
        model(features, INPUTS)
    with pytest.raises(ValueError, match="rate must be from 0 to less than 1"):
        captioner(language_model(V, [gru(H)]), dense_bridge(), dropout_rate=1.0)
    with pytest.raises(ValueError, match="bridge must be given, since the decoder"):
        captioner(language_model(V, [gru(H)])).init(jax.random.key(0), C, V)
