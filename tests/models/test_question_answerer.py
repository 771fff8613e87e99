"""`QuestionAnswerer` against its reader, and images as stories."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from rnnjax import elman
from rnnjax.attention import additive
from rnnjax.layers import embed, plain_reader, question_reader, recurrent, stack
from rnnjax.models.question_answerer import QuestionAnswerer
from tests.pytrees import assert_close, assert_same_bits

B, S, Q, N, VOCAB = 3, 7, 4, 5, 11
STORY_MASK = np.arange(S) < np.array([7, 2, 4])[:, None]
QUESTION_MASK = np.arange(Q) < np.array([4, 1, 3])[:, None]
MASKS = {"story_mask": STORY_MASK, "question_mask": QUESTION_MASK}


def attentive(story_layer):
    layers = embed(2), recurrent(elman(6)), story_layer
    return question_reader(*layers, N, attention=additive(8), size=9)


def draw():
    rng = np.random.default_rng(0)
    return rng.integers(VOCAB, size=(B, S)), rng.integers(VOCAB, size=(B, Q))


def test_the_module_is_its_reader_batch_first():
    reader = attentive(recurrent(elman(10)))
    model = QuestionAnswerer(reader, VOCAB, rngs=nnx.Rngs(0))
    story, question = draw()
    params = nnx.as_pure(model.params)
    time_first = {name: mask.T for name, mask in MASKS.items()}
    want = reader.apply(params, story.T, question.T, **time_first)
    assert_close(model(story, question, **MASKS), want, 1e-6)
    assert reader.weigh is not None
    weights = reader.weigh(params, story.T, question.T, **time_first)
    assert_close(model.weigh(story, question, **MASKS), weights.T, 1e-6)


def test_the_dtype_of_the_parameters_decides(x64):
    model = QuestionAnswerer(attentive(recurrent(elman(10))), VOCAB, rngs=nnx.Rngs(0))
    story, question = draw()
    for dtype in (jnp.float32, jnp.bfloat16, jnp.float64):
        params = jax.tree.map(lambda x, to=dtype: x.astype(to), nnx.state(model))
        nnx.update(model, params)
        scores = jax.eval_shape(lambda: model(story, question, **MASKS))
        assert scores.dtype == dtype


class Corners(nnx.Module):
    """Maps of 2 by 3 places: what is seen is where it was."""

    def __init__(self):
        self.scale = nnx.Param(jnp.full(3, 2.0))

    def __call__(self, images):
        return images[:, :2, :3] * self.scale[...]


def test_the_places_of_an_image_are_the_rows():
    reader = attentive(None)
    model = QuestionAnswerer(
        reader, VOCAB, story_size=3, image_encoder=Corners(), rngs=nnx.Rngs(0)
    )
    images = np.random.default_rng(1).normal(size=(B, 4, 5, 3)).astype(np.float32)
    _, question = draw()
    rows = 2 * np.stack([images[:, i, j] for i in range(2) for j in range(3)])
    params = nnx.as_pure(model.params)
    assert_close(model(images, question), reader.apply(params, rows, question.T), 1e-6)
    mask = np.arange(6) < np.array([6, 1, 3])[:, None]
    weights = model.weigh(images, question, story_mask=mask)
    assert_close(weights.sum(axis=1), np.ones(B), 1e-6)
    assert not weights[~mask].any() and weights[mask].all()
    blank = np.where(np.arange(5)[:, None] < 3, images, np.nan)  # beyond the places
    assert_same_bits(model(images, question), model(blank, question))


def test_gradients_reach_the_image_encoder():
    model = QuestionAnswerer(
        attentive(None), VOCAB, story_size=3, image_encoder=Corners(), rngs=nnx.Rngs(0)
    )
    images = np.random.default_rng(1).normal(size=(B, 4, 5, 3)).astype(np.float32)
    graph, state = nnx.split(model)
    _, question = draw()
    grad = jax.jit(jax.grad(lambda s: nnx.merge(graph, s)(images, question).sum()))
    grads = grad(state)
    assert np.abs(grads["image_encoder"]["scale"][...]).min() > 0


def test_bad_arguments():
    plain = plain_reader(stack(embed(2), recurrent(elman(3))), N)
    model = QuestionAnswerer(plain, VOCAB, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="reader must attend to the story"):
        model.weigh(*draw())
    with pytest.raises(ValueError, match="story_size must be given with an image"):
        QuestionAnswerer(plain, VOCAB, image_encoder=Corners(), rngs=nnx.Rngs(0))
