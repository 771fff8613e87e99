"""`Handwriting` against its layer, and what it draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from rnnjax import lstm
from rnnjax.decoding import generate, sample_density
from rnnjax.layers import bind_text, window_weights
from rnnjax.losses import graves_mixture
from rnnjax.models.handwriting import Handwriting
from tests.pytrees import assert_close, assert_same_bits

B, T, S, V = 2, 6, 4, 5
CELLS = lstm(3), lstm(4)
MIXTURE = graves_mixture(2)


@pytest.fixture(scope="module")
def model():
    options = {"density": MIXTURE, "text_size": V, "num_components": 2}
    return Handwriting(CELLS, **options, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def given():
    rng = np.random.default_rng(0)
    offsets = rng.normal(size=(B, T, 3)).astype(np.float32)
    text = rng.integers(V, size=(B, S))
    text_mask = np.arange(S) < np.array([[4], [2]])
    mask = np.arange(T) < np.array([[3], [6]])
    return offsets, text, {"mask": mask, "text_mask": text_mask}


def test_it_is_its_layer_batch_first(model, given):
    offsets, text, masks = given
    params = nnx.as_pure(model.params)
    bound = bind_text(params, text.T, V, jnp.asarray(masks["text_mask"].T))
    mask = jnp.asarray(masks["mask"].T)
    steps = jnp.swapaxes(jnp.asarray(offsets), 0, 1)
    _, outputs = model.layer.apply(bound, None, steps, mask=mask)
    assert_same_bits(model(offsets, text, **masks), jnp.swapaxes(outputs, 0, 1))
    sizes = {"text_size": V, "num_components": 2}
    weights = window_weights(CELLS, bound, steps, mask=mask, **sizes)
    got = model.window(offsets, text, **masks)
    assert got.shape == (B, T, S + 1) and (got[0, 0] != got[1, 0]).any()
    assert_same_bits(got, jnp.swapaxes(weights, 0, 1))


def test_what_is_drawn_is_what_it_would_predict(model, given):
    offsets, text, masks = given
    params = model.bind(text, text_mask=masks["text_mask"])
    prompt = jnp.swapaxes(jnp.asarray(offsets), 0, 1)
    drawn = generate(
        model.layer,
        params,
        prompt,
        5,
        jax.random.key(0),
        sampler=sample_density(MIXTURE, bias=0.5),
    )
    steps = jnp.concatenate([prompt, drawn.drawn])
    outputs = model(jnp.swapaxes(steps, 0, 1), text, text_mask=masks["text_mask"])
    own = MIXTURE.params(jnp.swapaxes(outputs, 0, 1)[T - 1 : -1])
    assert_close(drawn.log_probs, MIXTURE.log_prob(own, drawn.drawn), 1e-5)


def test_texts_where_there_are_none(model, given):
    offsets, text, _ = given
    plain = Handwriting(CELLS, density=MIXTURE, rngs=nnx.Rngs(0))
    assert plain(offsets).shape == (B, T, 13)
    with pytest.raises(ValueError, match="text must be None, got"):
        plain(offsets, text)
    with pytest.raises(ValueError, match="text must be None, since the model reads"):
        plain.window(offsets, text)
    with pytest.raises(ValueError, match="text must be characters below 5, got None"):
        model(offsets)
    with pytest.raises(ValueError, match="cells must be at least one"):
        Handwriting([], rngs=nnx.Rngs(0))
