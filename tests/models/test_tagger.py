"""`Tagger` against its equations, put together by hand from functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from rnnjax import gru, lstm
from rnnjax.layers import bidirectional, dense, spelling
from rnnjax.losses.crf import crf
from rnnjax.models.tagger import Tagger, Words
from tests.layers.test_spelling import WORDS, C, T, V, pack
from tests.pytrees import assert_close, assert_same_bits

B, E, H, N, M, VOCAB = 3, 6, 4, 5, 2, 9
FEATURES = 3, 2
READER = spelling(gru(2), embedding_size=3)


def make(**options):
    model = Tagger(
        VOCAB, [lstm(H), gru(3)], N, embedding_size=E, rngs=nnx.Rngs(0), **options
    )
    dtype = jnp.zeros(()).dtype  # float64 under x64
    params = jax.tree.map(lambda x: x.astype(dtype), nnx.state(model, nnx.Param))
    nnx.update(model, params)
    return model


@pytest.fixture(scope="module")
def sentences():
    characters, first, last, mask = map(np.stack, zip(*map(pack, WORDS)))
    rng = np.random.default_rng(0)
    tokens = rng.integers(VOCAB, size=(B, T))
    features = rng.integers(FEATURES, size=(B, T, len(FEATURES)))
    return Words(tokens, characters, first, last, features), mask


def test_scores_equal_the_parts_by_hand(x64, sentences):
    words, mask = sentences
    model = make(
        spelling=READER,
        num_characters=V,
        num_labels=M,
        feature_sizes=FEATURES,
        feature_embedding_size=7,
    )
    scores = jax.jit(model)(words, mask=jnp.asarray(mask))
    assert scores.label_logits is not None

    table, tags, labels, of_feature = (
        nnx.as_pure(part.params)  # pyright: ignore[reportOptionalMemberAccess]
        for part in (model.words, model.tags, model.labels, model.features)
    )
    of_first, of_second = np.split(of_feature["embedding"], [FEATURES[0]])
    layers = bidirectional(lstm(H)), bidirectional(gru(3))
    body = nnx.as_pure(model.body.params)

    @jax.jit
    def by_hand(tokens, features, *places):
        spelled = READER.apply(nnx.as_pure(model.spelling_params), *places)
        first, second = features.T
        x = table["embedding"][tokens], spelled, of_first[first], of_second[second]
        h = jnp.concatenate(x, axis=-1)
        for layer, params in zip(layers, body):
            _, h = layer.apply(params, None, h)
        logits = h.mean(axis=0) @ labels["kernel"] + labels["bias"]
        return h @ tags["kernel"] + tags["bias"], logits

    for b in range(B):
        size = mask[b].sum()
        given = words.tokens, words.features, words.first, words.last
        tokens, features, first, last = (x[b, :size] for x in given)
        characters = words.characters[b]
        emissions, logits = by_hand(tokens, features, characters, first, last)
        assert_close(scores.emissions[b, :size], emissions, 1e-13)
        assert not scores.emissions[b, size:].any()
        assert_close(scores.label_logits[b], logits, 1e-13)


def test_with_a_crf_the_whole_sequence_is_the_best(x64, sentences):
    words, mask = sentences
    model = make(crf=crf(N))
    rng = np.random.default_rng(1)
    scores = {"start": (N,), "transitions": (N, N), "end": (N,)}
    drawn = {name: 3 * rng.normal(size=shape) for name, shape in scores.items()}
    for name, value in drawn.items():
        model.crf_params[name][...] = value  # pyright: ignore[reportOptionalSubscript]
    mask = jnp.asarray(mask)
    emissions = np.asarray(model(words, mask=mask).emissions)
    found = np.asarray(model.predict(words, mask=mask))
    for b in range(B):
        size = int(mask[b].sum())
        best = max(
            np.ndindex(*[N] * size),
            key=lambda tags: (
                drawn["start"][tags[0]]
                + drawn["end"][tags[-1]]
                + sum(emissions[b, t, tag] for t, tag in enumerate(tags))  # noqa: B023
                + sum(drawn["transitions"][i] for i in zip(tags, tags[1:]))
            ),
        )
        assert found[b, :size].tolist() == list(best)
    softmax = make()
    expected = softmax(words, mask=mask).emissions.argmax(axis=-1)
    np.testing.assert_array_equal(softmax.predict(words, mask=mask), expected)


def test_probabilities_are_shares_of_all_sequences(x64, sentences):
    words, mask = sentences
    model = make(crf=crf(N))
    transitions = np.random.default_rng(2).normal(size=(N, N))
    model.crf_params["transitions"][...] = transitions  # pyright: ignore[reportOptionalSubscript]
    mask = jnp.asarray(mask)
    emissions = model(words, mask=mask).emissions
    found = model.probabilities(emissions, mask=mask)
    for b in range(B):
        scores = np.asarray(emissions[b, : int(mask[b].sum())])
        expected = np.zeros(scores.shape)
        for tags in np.ndindex(*[N] * len(scores)):
            steps = np.arange(len(scores)), list(tags)
            score = scores[steps].sum() + sum(
                transitions[i] for i in zip(tags, tags[1:])
            )
            expected[steps] += np.exp(score)
        expected /= expected.sum(axis=-1, keepdims=True)
        assert_close(found[b, : len(scores)], expected, 1e-12)
    single = make().probabilities(jnp.log(jnp.array([[[1.0, 3.0]]])))
    assert_close(single, np.array([[[0.25, 0.75]]]), 1e-12)


def test_a_layer_is_read_as_it_is(x64, sentences):
    words, mask = sentences
    model = Tagger(VOCAB, [dense(4)], N, embedding_size=E, rngs=nnx.Rngs(0))
    x = nnx.as_pure(model.words.params)["embedding"][words.tokens]
    (body,), tags = nnx.as_pure(model.body.params), nnx.as_pure(model.tags.params)
    expected = (x @ body["kernel"] + body["bias"]) @ tags["kernel"] + tags["bias"]
    assert_close(model(words).emissions, expected, 1e-6)


def test_padding_is_not_seen(x64, sentences):
    words, mask = sentences
    model = make(
        spelling=READER, num_characters=V, num_labels=M, feature_sizes=FEATURES
    )
    others = words._replace(
        tokens=np.where(mask, words.tokens, -7),
        features=np.where(mask[..., None], words.features, -7),
    )
    first, second = (model(w, mask=jnp.asarray(mask)) for w in (words, others))
    assert_same_bits(first, second)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spelling": READER}, "num_characters must be given with spelling"),
        ({"num_characters": V}, "num_characters must be given with spelling"),
        ({"crf": crf(N + 1)}, f"crf must be of {N} tags, got {N + 1}"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_bad_arguments(sentences):
    words, _ = sentences
    model = make(spelling=READER, num_characters=V)
    with pytest.raises(ValueError, match="words must have characters, got None"):
        model(Words(words.tokens))
    model = make(feature_sizes=(3, 2, 4))
    for features, got in (None, "None"), (words.features, r"\(3, .*, 2\)"):
        with pytest.raises(ValueError, match=f"B, T, 3], got {got}"):
            model(words._replace(features=features))
    with pytest.raises(ValueError, match="layers must be at least one"):
        Tagger(3, [], N, embedding_size=E, rngs=nnx.Rngs(0))
    assert C == words.characters.shape[1]
