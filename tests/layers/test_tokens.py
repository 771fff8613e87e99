"""`embed`, `one_hot`, `dense`: tables and products by hand; foreign tokens are NaN."""

import jax
import numpy as np
import pytest

from rnnjax import dense, embed, one_hot
from rnnjax.layers.tokens import embedding_lookup
from tests.cells.paper import initial
from tests.pytrees import assert_close
from tests.refusals import refuses

TOKENS = np.array([[3, 0, 10], [7, 7, 1]])
FOREIGN = np.array([-1, 11, 2**31 - 1, -(2**31)], np.int32)


def test_embed_reads_rows_and_one_hot_those_of_the_identity():
    params = initial(embed(5), 11)
    _, outputs = embed(5).apply(params, None, TOKENS)
    np.testing.assert_array_equal(outputs, np.asarray(params["embedding"])[TOKENS])
    _, outputs = one_hot(11).apply({}, None, TOKENS)
    np.testing.assert_array_equal(outputs, np.eye(11, dtype=np.float32)[TOKENS])


def test_embedding_rows_have_length_near_one():
    """Variance 1 / size, whatever the vocabulary."""
    for vocab_size in (1000, 4000):
        table = initial(embed(50), vocab_size)["embedding"]
        assert abs(np.square(table).sum(-1).mean() - 1) < 0.05


@pytest.mark.parametrize("jitted", [False, True])
def test_foreign_tokens_read_nan(jitted):
    """A row of NaN, never another token's; and their gradient touches no row."""
    params = initial(embed(5), 11)
    for layer, own in ((embed(5), params), (one_hot(11), {})):
        run = jax.jit(layer.apply) if jitted else layer.apply
        _, outputs = run(own, None, FOREIGN)
        assert np.isnan(outputs).all()

    total = jax.grad(lambda table: embedding_lookup(table, FOREIGN).sum())
    assert not total(params["embedding"]).any()


def test_tokens_beyond_the_vocabulary_may_be_read_as_unknown():
    params = initial(embed(5), 11)
    _, outputs = embed(5, unknown=4).apply(params, None, np.array([3, 11, 99, -1]))
    table = np.asarray(params["embedding"])
    np.testing.assert_array_equal(outputs[:3], table[[3, 4, 4]])
    assert np.isnan(outputs[3]).all()


def test_foreign_tokens_under_mask_read_zeros():
    params = initial(embed(5), 11)
    mask = np.array([True, False])
    _, outputs = embed(5).apply(params, None, np.array([3, 99]), mask=mask)
    want = np.stack([np.asarray(params["embedding"])[3], np.zeros(5)])
    np.testing.assert_array_equal(outputs, want)


FLOATS, TABLE = np.ones(3, np.float32), {"embedding": np.ones((11, 5), np.float32)}
test_other_tokens_and_vocabularies_are_refused = refuses(
    (embed(5).apply, TABLE, None, FLOATS, "inputs must be integer tokens, got float32"),
    (one_hot(11).apply, {}, None, FLOATS, "inputs must be integer tokens, got float32"),
    (one_hot(11).init, jax.random.key(0), 12, "input_size must be 11, got 12."),
)


@pytest.mark.parametrize("use_bias", [True, False])
def test_dense_is_affine(use_bias):
    rng = np.random.default_rng(0)
    layer = dense(5, use_bias=use_bias, bias_init=jax.nn.initializers.normal(1.0))
    params = initial(layer, 2)
    inputs = rng.normal(size=(7, 3, 2)).astype(np.float32)
    want = inputs.astype(np.float64) @ np.float64(params["kernel"])
    assert set(params) == ({"kernel", "bias"} if use_bias else {"kernel"})
    if use_bias:
        want = want + np.float64(params["bias"])
    assert_close(layer.apply(params, None, inputs)[1], want, 1e-6)
