"""Parts of a translator against NumPy and against models made by hand."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import rnnjax
from experiments.data.vocabulary import Vocabulary
from experiments.translation import __main__ as experiment
from experiments.translation.parts import last_row, tie_head
from experiments.translation.schedules import own_rate
from experiments.translation.symbols import Symbols
from experiments.translation.writing import make_search
from rnnjax.attention import attend_before
from rnnjax.layers import dense, embed, stack

MARKS = ("<unk>", "<s>", "</s>")
SYMBOLS = Symbols(
    Vocabulary((*MARKS, *"abcd"), " ", "<unk>"),
    Vocabulary((*MARKS, *"vwxyz"), " ", "<unk>"),
    "words",
    "words",
    4,
)
SOURCE = np.array([[3, 5, 6, 4, 2], [6, 3, 2, 0, 0]])
PLAIN: dict = {"attention": "none", "both_directions": False}
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)


def make(seed=0, **flags):
    sizes = {"hidden_size": 3, "embedding_size": 2, "dropout_rate": 0.0}
    config = experiment.Config(**(sizes | flags))
    return experiment.make_model(config, SYMBOLS, nnx.Rngs(seed))


@nnx.jit
def call(model, source, inputs, mask):
    return model(source, inputs, source_mask=mask)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_row_that_is_read_is_the_one_where_the_encoder_ended(reverse):
    """Against the cell alone, which reads that row beside every input."""
    rng = np.random.default_rng(0)
    rows, inputs = rng.normal(size=(5, 2, 4)), rng.normal(size=(3, 2, 2))
    rows[3:, 1] = np.nan  # padding
    cell = rnnjax.gru(3)
    attentive = attend_before(cell, last_row(reverse), memory_size=4)
    params = attentive.init(jax.random.key(0), 2)
    memory = rnnjax.attention.Memory(jnp.asarray(rows), jnp.asarray(MASK.T))
    bound = rnnjax.attention.bind_memory(params, memory)
    _, outputs = rnnjax.recurrent(attentive).apply(bound, None, jnp.asarray(inputs))
    ended = rows[0] if reverse else np.stack([rows[4, 0], rows[2, 1]])
    both = np.concatenate([inputs, np.broadcast_to(ended, (3, 2, 4))], axis=-1)
    _, shown = rnnjax.recurrent(cell).apply(params["cell"], None, jnp.asarray(both))
    np.testing.assert_allclose(outputs[..., :3], shown, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs[0, :, 3:], ended, rtol=1e-6)


def test_a_tied_head_is_the_embedding_turned(x64):
    f64 = {"dtype": jnp.float64}
    layers = embed(3, **f64), dense(4, **f64), dense(3, **f64), dense(6, **f64)
    tied = tie_head(stack(*layers))
    params = tied.init(jax.random.key(0), 6)
    assert set(params[-1]) == {"bias"}
    params = *params[:-1], {"bias": jnp.arange(6.0, **f64)}
    table = np.asarray(params[0]["embedding"])
    tokens = jnp.array([[1, 4], [5, 0]])
    outputs = table[np.asarray(tokens)]
    for own in params[1:3]:
        outputs = outputs @ np.asarray(own["kernel"]) + np.asarray(own["bias"])
    expected = outputs @ table.T + np.arange(6.0)
    _, logits = tied.apply(params, None, tokens)
    np.testing.assert_allclose(logits, expected, rtol=1e-12)
    _, first = tied.step(params, tied.initial_carry(params, (2,)), tokens[0])
    np.testing.assert_allclose(first, expected[0], rtol=1e-12)
    grads = jax.grad(lambda p: tied.apply(p, None, tokens)[1].sum())(params)
    assert np.abs(grads[0]["embedding"][2]).sum() > 0  # never read, but predicted


@pytest.mark.parametrize(
    "flags",
    [
        {"attention": "after"},
        {"attention": "before", "copy": True},
    ],
    ids=str,
)
def test_every_decoder_can_be_tied(flags):
    model, own = make(tie_embeddings=True, **flags), make(**flags)
    shapes = [x.shape for x in jax.tree.leaves(nnx.state(model))]
    others = [x.shape for x in jax.tree.leaves(nnx.state(own))]
    assert shapes != others and sum(shape == (8, 2) for shape in shapes) == 1
    logits = call(model, SOURCE, SOURCE[:, :3], MASK)
    assert logits.shape[:2] == (2, 3) and np.isfinite(logits[..., :8]).all()


def test_parameters_are_drawn_from_a_range():
    leaves = jax.tree.leaves(nnx.as_pure(nnx.state(make(init_bound=0.08, **PLAIN))))
    values = np.concatenate([np.ravel(leaf) for leaf in leaves])
    assert np.abs(values).max() <= 0.08 and np.abs(values).min() > 0
    assert np.std(values) == pytest.approx(0.08 / 3**0.5, rel=0.1)
    assert len(np.unique(values)) > 0.99 * len(values)


def test_the_share_of_own_inputs():
    for schedule, wanted in {
        "none": [0, 0, 0],
        "half": [0.5, 0.5, 0.5],
        "linear": [0, 0.5, 0.5],
        "exponential": [0, 0.75, 15 / 16],
    }.items():
        config = experiment.Config(schedule=schedule, num_updates=100)
        assert [own_rate(config, i) for i in (0, 50, 100)] == pytest.approx(wanted)


def best_by_enumeration(models):
    """The best target of at most 3 symbols and an end, by mean probabilities."""
    inputs = np.array(
        [[1, *target] for target in itertools.product(range(8), repeat=3)]
    )
    source = np.repeat(SOURCE[:1], len(inputs), axis=0)
    mask = np.repeat(MASK[:1], len(inputs), axis=0)
    log_probs = np.log(
        np.mean([jax.nn.softmax(call(m, source, inputs, mask)) for m in models], axis=0)
    )
    scores = {}
    for (_, *target), of_steps in zip(inputs.tolist(), log_probs):
        for last in range(8):
            symbols = [*target, last]
            if 2 in symbols:
                symbols = symbols[: symbols.index(2) + 1]
            steps = np.arange(len(symbols))
            scores[tuple(symbols)] = of_steps[steps, symbols].mean()
    return max(scores.items(), key=lambda item: item[1])


def test_several_models_are_searched_as_one():
    models = [make(seed, init_bound=2.0, **PLAIN) for seed in (1, 2)]
    params = [nnx.as_pure(nnx.state(model)) for model in models]
    search = make_search(models, SYMBOLS)
    tokens, scores = search(params, SOURCE[:1], MASK[:1], SOURCE[:1], beam_size=512)
    target, score = best_by_enumeration(models)
    assert tuple(tokens[: len(target), 0, 0].tolist()) == target
    assert float(scores[0, 0]) == pytest.approx(score, abs=1e-5)
    for model in models:  # neither of them alone finds the same
        alone, other = best_by_enumeration([model])
        assert alone != target or other != pytest.approx(score, abs=1e-3)
