"""An encoder and a decoder against their parts and against exact reductions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import rnnjax
from rnnjax.attention import (
    additive,
    attend_after,
    attend_before,
    attention_layer,
    cell_stack,
    general,
)
from rnnjax.decoding import beam_search, generate, greedy
from rnnjax.layers import (
    bidirectional,
    copy_bridge,
    copying,
    dense_bridge,
    embed,
    encoder_decoder,
    language_model,
    recurrent,
    stack,
)
from rnnjax.models.encoder_decoder import EncoderDecoder
from tests.pytrees import assert_close

S, T, B, E, H, U, V = 6, 4, 3, 5, 7, 9, 8  # U source tokens, V target tokens
RNG = np.random.default_rng(0)
SOURCE, INPUTS = RNG.integers(U, size=(S, B)), RNG.integers(V, size=(T, B))
LENGTHS = np.array([6, 3, 1])
MASK = np.arange(S)[:, None] < LENGTHS
READS_BOTH_WAYS = stack(embed(E), bidirectional(rnnjax.gru(H)))


def draw(model):
    """Draws parameters of the dtype that is computed in, biases included."""
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), U, V))
    leaves, tree = jax.tree.flatten(shapes)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    return jax.tree.unflatten(
        tree,
        [jax.random.normal(key, leaf.shape) * 0.6 for key, leaf in zip(keys, leaves)],
    )


def attentive(cell=None):
    cell = cell or attend_before(rnnjax.gru(H), additive(4), 2 * H)
    return language_model(V, [cell], embedding_size=E)


def test_a_copied_carry_is_one_network_that_reads_on(x64):
    """With equal weights, the decoder goes on where the encoder has stopped."""
    cell = rnnjax.lstm(H)
    encoder = stack(embed(E), recurrent(cell))
    decoder = language_model(V, [cell], embedding_size=E)
    model = encoder_decoder(encoder, decoder, copy_bridge())
    params = draw(model)
    table, weights = params["encoder"]
    params["decoder"]["body"] = ({"embedding": table["embedding"][:V]}, weights)
    apply = jax.jit(model.apply)
    outputs = apply(params, SOURCE % V, INPUTS, source_mask=MASK)
    whole = np.concatenate([SOURCE % V, INPUTS])
    mask = np.concatenate([MASK, np.ones((T, B), bool)])  # padding is a gap
    _, expected = jax.jit(decoder.apply)(params["decoder"], None, whole, mask=mask)
    assert_close(outputs, expected[S:], 1e-13)


def test_a_dense_bridge_fills_every_array_of_the_cells(x64):
    """tanh(K [h forward; h backward] + b), in loops of the cell's own step."""
    encoder = READS_BOTH_WAYS
    layers = cell_stack(rnnjax.lstm(4), rnnjax.gru(3))
    cell = attend_after(layers, general(), 2 * H, output_size=5)
    model = encoder_decoder(encoder, attentive(cell), dense_bridge())
    params = draw(model)
    begin = jax.jit(lambda p: model.begin(p, model.encode(p, SOURCE, mask=MASK))[1])
    carry = begin(params)
    filled = jax.tree.leaves(carry[1].cell)
    assert [leaf.shape[-1] for leaf in filled] == [4, 4, 3]
    assert not carry[1].attended.any()
    table, both = params["encoder"]
    gru = rnnjax.gru(H)
    step = jax.jit(gru.step)
    for b, length in enumerate(LENGTHS):
        last = []
        for name, order in (("forward", 1), ("backward", -1)):
            own = rnnjax.prepared(gru, both[name])
            h = gru.initial_carry(own)
            for token in SOURCE[:length, b][::order]:
                h, _ = step(own, h, table["embedding"][token])
            last.append(np.asarray(h))
        # A dict is read in the order of its keys: backward first.
        summary = np.concatenate(last[::-1])
        for own, leaf in zip(params["bridge"], filled, strict=True):
            expected = np.tanh(summary @ own["kernel"] + own["bias"])
            np.testing.assert_allclose(leaf[b], expected, rtol=0, atol=1e-13)


FORMS = {
    "before": attentive(),
    "layer": language_model(
        V,
        [rnnjax.lstm(4), attention_layer(general(), 2 * H, output_size=5)],
        embedding_size=E,
    ),
    "copying": stack(
        embed(E),
        recurrent(attend_before(rnnjax.gru(H), additive(4), 2 * H)),
        copying(V, 3, 2 * H, num_extra=U + 1 - V),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_row_gives_what_it_gives_alone_and_unpadded(x64, form):
    """And no gradient comes from padding, whose token no source has."""
    model = encoder_decoder(READS_BOTH_WAYS, FORMS[form], dense_bridge())
    params, row, length = draw(model), 1, LENGTHS[1]

    @jax.jit
    def run(params):
        def together(table):
            encoder = ({"embedding": table}, params["encoder"][1])
            padded = jnp.where(MASK, SOURCE, U)
            given = {**params, "encoder": encoder}
            outputs = model.apply(given, padded, INPUTS, source_mask=MASK)
            return outputs[..., 0].sum(), outputs

        table = params["encoder"][0]["embedding"]
        gradient, outputs = jax.grad(together, has_aux=True)(table)
        alone = model.apply(params, SOURCE[:length, row], INPUTS[:, row])
        return outputs[:, row], alone, gradient

    in_batch, alone, gradient = run(params)
    np.testing.assert_allclose(in_batch, alone, rtol=0, atol=1e-13)
    used = set(SOURCE[MASK].tolist())
    assert all((np.abs(gradient[u]).max() > 0) == (u in used) for u in range(U))


def test_the_module_decodes_what_it_is_trained_to_predict():
    """Scores of a beam are those of teacher forcing; a beam of 1 is greedy."""
    functions = encoder_decoder(READS_BOTH_WAYS, attentive(), dense_bridge())
    model = EncoderDecoder(functions, U, V, rngs=nnx.Rngs(2))
    sources, mask = SOURCE.T, MASK.T
    start = jnp.zeros((1, B), int)

    @jax.jit
    def decode(model):
        params, carry = model.begin(model.encode(sources, mask=mask))
        options = {"carry": carry, "end": 1}
        found = beam_search(
            model.layer, params, start, T, beam_size=3, num_best=2, **options
        )
        one = beam_search(model.layer, params, start, T, beam_size=1, **options)
        key = jax.random.key(0)
        drawn = generate(model.layer, params, start, T, key, sampler=greedy, **options)
        return found, one, drawn

    found, one, drawn = decode(model)
    np.testing.assert_array_equal(one.tokens[:, 0], drawn.drawn)
    for n in range(2):
        tokens = found.tokens[:, n].T
        inputs = jnp.concatenate([start.T, tokens[:, :-1]], axis=1)
        is_real = jnp.arange(T) < found.lengths[n][:, None]
        logits = model(sources, inputs, source_mask=mask, mask=is_real)
        log_probs = jax.nn.log_softmax(logits)
        log_probs = jnp.take_along_axis(log_probs, tokens[..., None], -1)[..., 0]
        forced = jnp.where(is_real, log_probs, 0).sum(axis=1)
        np.testing.assert_allclose(forced, found.log_probs[n], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("encoder", "decoder", "bridge", "message"),
    [
        (READS_BOTH_WAYS, READS_BOTH_WAYS, None, "decoder must be causal"),
        (
            READS_BOTH_WAYS,
            language_model(V, [rnnjax.gru(H)]),
            None,
            "bridge must be given, since the decoder reads no memory",
        ),
        (
            READS_BOTH_WAYS,
            language_model(V, [rnnjax.lstm(4)]),
            copy_bridge(),
            r"the decoder carries, \[\(4,\), \(4,\)\], got \[\(7,\), \(7,\)\]",
        ),
    ],
)
def test_parts_that_do_not_fit(encoder, decoder, bridge, message):
    with pytest.raises(ValueError, match=message):
        encoder_decoder(encoder, decoder, bridge).init(jax.random.key(0), U, V)
