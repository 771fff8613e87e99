"""Conditional random fields against all tag sequences, one by one."""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.losses.chains import ASSOCIATIVE_SCAN, SCAN
from rnnjax.losses.crf import (
    crf,
    crf_entropy,
    crf_log_partition,
    crf_marginals,
    crf_num_paths,
)
from rnnjax.losses.crf_cross_entropy import crf_allows, crf_cross_entropy
from rnnjax.losses.tag_constraints import bio_constraints, tag_constraints
from tests.losses.tag_paths import enumerate_paths, scores_in_order

T, N = 5, 3
# all steps; left padding; a gap; both and right padding; one step; none
MASKS = np.array(
    [
        [1, 1, 1, 1, 1],
        [0, 0, 1, 1, 1],
        [1, 0, 0, 1, 1],
        [0, 1, 0, 1, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0],
    ],
    bool,
)
BIO = bio_constraints(("B-X", "I-X", "O"))
NOT_LAST = tag_constraints("abc", lambda x, y: (x, y) not in {("a", None), ("b", "b")})
CASES = [
    pytest.param(SCAN, None, id="scan-free", marks=pytest.mark.slow),
    pytest.param(SCAN, BIO, id="scan-bio"),
    pytest.param(ASSOCIATIVE_SCAN, NOT_LAST, id="associative-end"),
]


def draw_scores(seed):
    """Draws scores for every row, its own parameters included."""
    rng = np.random.default_rng(seed)
    shapes = {"emissions": (T, N), "start": (N,), "transitions": (N, N)}
    shapes["end"] = (N,)
    return {k: rng.normal(scale=1.5, size=(len(MASKS), *s)) for k, s in shapes.items()}


def all_paths(scores, masks, constraints):
    for row, mask in enumerate(masks):
        own = {name: x[row] for name, x in scores.items()}
        yield enumerate_paths(own, mask, constraints)


def draw_tags(paths):
    """Draws a path per row among the last ones, which begin with the greatest tags."""
    rng = np.random.default_rng(3)
    index = [len(own.tags) - 1 - rng.integers(1 + len(own.tags) // 4) for own in paths]
    return index, np.array([own.tags[i] for own, i in zip(paths, index)])


def split(scores):
    params = {name: x for name, x in scores.items() if name != "emissions"}
    return params, scores["emissions"]


@functools.cache
def program(tagger):
    """Compiles everything that is compared, for rows that have their own parameters."""

    def loss(scores, tags, mask):
        return crf_cross_entropy(tagger, *split(scores), tags, mask)

    def entropy(scores, mask):
        return crf_entropy(tagger, *split(scores), mask)

    def measure(scores, tags, mask):
        arguments = (tagger, *split(scores), mask)
        return {
            "loss": loss(scores, tags, mask),
            "gradient": jax.grad(loss)(scores, tags, mask),
            "forward": jax.jacfwd(loss)(scores, tags, mask),
            "second": jax.jacfwd(jax.grad(loss))(scores, tags, mask),
            "log_partition": crf_log_partition(*arguments),
            "marginals": crf_marginals(*arguments),
            "entropy": entropy(scores, mask),
            "entropy_gradient": jax.grad(entropy)(scores, mask),
            "num_paths": crf_num_paths(*arguments),
        }

    return jax.jit(jax.vmap(measure))


def matrix_of(second, row):
    """Lays out a pytree of second derivatives like the vector of scores."""
    names = ("emissions", "start", "transitions", "end")
    own = {x: {y: np.asarray(second[x][y][row]) for y in names} for x in names}
    sizes = {x: own["emissions"][x].shape[2:] for x in names}
    blocks = [
        [own[x][y].reshape(np.prod(sizes[x]), np.prod(sizes[y])) for y in names]
        for x in names
    ]
    return np.block(blocks)


def close(got, want):
    want = np.asarray(want)
    assert np.abs(got - want).max() <= 1e-10 * max(1, np.abs(want).max())


@pytest.mark.parametrize(("chain", "constraints"), CASES)
def test_equals_enumeration(x64, chain, constraints):
    """Values and derivatives of both orders and modes, padding of NaN included."""
    tagger = crf(N, constraints=constraints, chain=chain)
    scores = draw_scores(0)
    paths = list(all_paths(scores, MASKS, constraints))
    index, tags = draw_tags(paths)
    scores["emissions"][~MASKS] = np.nan
    tags[~MASKS] = 99
    found = jax.tree.map(np.asarray, program(tagger)(scores, tags, MASKS))
    for row, own in enumerate(paths):
        got = jax.tree.map(operator.itemgetter(row), found)
        want_gradient = own.means - own.features[index[row]]
        close(got["loss"], own.log_partition - own.scores[index[row]])
        close(scores_in_order(got["gradient"]), want_gradient)
        close(scores_in_order(got["forward"]), want_gradient)
        close(matrix_of(found["second"], row), own.covariance)
        close(got["log_partition"], own.log_partition)
        close(got["marginals"].ravel(), own.means[: T * N])
        close(got["entropy"], own.entropy)
        close(scores_in_order(got["entropy_gradient"]), own.entropy_gradient)
        assert got["num_paths"] == len(own.scores)


@pytest.mark.parametrize("chain", [SCAN, ASSOCIATIVE_SCAN], ids=["scan", "associative"])
def test_batches_of_two_axes(x64, chain):
    """One set of parameters for rows in two batch axes."""
    tagger = crf(N, constraints=BIO, chain=chain)
    params, emissions = split(draw_scores(1))
    params = {name: x[0] for name, x in params.items()}
    batch = np.moveaxis(emissions.reshape(2, 3, T, N), 2, 0)
    masks = np.moveaxis(MASKS.reshape(2, 3, T), 2, 0)
    got = crf_log_partition(tagger, params, batch, masks)
    want = [
        enumerate_paths(params | {"emissions": x}, mask, BIO).log_partition
        for x, mask in zip(emissions, MASKS)
    ]
    close(got.ravel(), want)


def test_without_transitions_it_is_the_cross_entropy_of_every_step(x64):
    tagger = crf(N)
    emissions = np.random.default_rng(2).normal(size=(T, 2, N))
    tags = np.random.default_rng(3).integers(N, size=(T, 2))
    params = jax.tree.map(np.float64, tagger.init(jax.random.key(0)))
    normalized = emissions - np.log(np.exp(emissions).sum(-1, keepdims=True))
    chosen = np.take_along_axis(normalized, tags[..., None], -1)[..., 0]
    close(crf_cross_entropy(tagger, params, emissions, tags), -chosen.sum(0))


@pytest.mark.parametrize("chain", [SCAN, ASSOCIATIVE_SCAN], ids=["scan", "associative"])
def test_no_step_at_all(chain):
    tagger = crf(N, chain=chain)
    params = jax.tree.map(lambda x: x + 1.0, tagger.init(jax.random.key(0)))
    emissions, tags = np.zeros((0, 2, N), np.float32), np.zeros((0, 2), np.int32)
    np.testing.assert_array_equal(crf_cross_entropy(tagger, params, emissions, tags), 0)
    np.testing.assert_array_equal(crf_log_partition(tagger, params, emissions), 0)


def test_float32_is_as_exact_after_thousands_of_steps():
    """Probabilities of tags at the end of 3000 steps, where the scores sum to 1e4."""
    rng = np.random.default_rng(10)
    emissions = rng.normal(loc=3.0, scale=2.0, size=(3000, N)).astype(np.float32)
    tagger = crf(N)
    params = {
        name: rng.normal(size=x.shape).astype(np.float32)
        for name, x in tagger.init(jax.random.key(0)).items()
    }
    got = np.asarray(crf_marginals(tagger, params, emissions))
    last = emissions[-20:].astype(float)  # of which the first ones matter to nothing
    weights = [np.eye(N)]
    for own in last:
        weights.append(weights[-1] @ np.exp(params["transitions"] + own))
    row = weights[-1].sum(0) * np.exp(params["end"])
    np.testing.assert_allclose(got[-1], row / row.sum(), rtol=2e-6)


def test_confident_losses_are_exact_in_float32():
    """To 1e-6 nats where scores sum to 1e4, whose rounding is 1e-3; not below zero."""
    tagger, params, *_ = float32_case()
    rng = np.random.default_rng(11)
    tags = np.array([[0, 1, 2] * 100, [2] * 300]).T
    emissions = rng.normal(size=(300, 2, N)) + 37
    emissions += np.array([16, 22])[:, None] * np.eye(N)[tags]
    emissions = emissions.astype(np.float32)
    got = np.asarray(crf_cross_entropy(tagger, params, emissions, tags))
    want = [
        log_loss_by_products(params, *row)
        for row in zip(emissions.swapaxes(0, 1), tags.T)
    ]
    assert np.all(np.array(want) < 0.01) and np.all(got >= 0)
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-6)


def log_loss_by_products(params, emissions, tags):
    """Multiplies matrices of weights, relative to those of the tags, in float64."""
    start, transitions, end = (
        np.float64(params[k]) for k in ("start", "transitions", "end")
    )
    _, first, follows, last = BIO
    relative = (
        np.float64(emissions) - np.float64(emissions)[np.arange(len(tags)), tags, None]
    )
    row = np.exp(start - start[tags[0]] + relative[0]) * first
    for before, tag, own in zip(tags, tags[1:], relative[1:]):
        row = (
            row
            @ (np.exp(transitions - transitions[before, tag]) * follows)
            * np.exp(own)
        )
    return np.log(row @ (np.exp(end - end[tags[-1]]) * last))


def float32_case():
    tagger = crf(N, constraints=BIO)
    rng = np.random.default_rng(4)
    params = {
        name: rng.normal(size=x.shape).astype(np.float32)
        for name, x in tagger.init(jax.random.key(0)).items()
    }
    emissions = rng.normal(size=(T, 4, N)).astype(np.float32)
    tags = np.array(
        [[0, 1, 1, 2, 0], [2, 0, 2, 0, 0], [0, 1, 2, 2, 2], [0, 0, 1, 1, 1]]
    )
    return tagger, params, emissions, tags.T


def test_forbidden_tags_are_refused_where_they_are_known():
    tagger, params, emissions, tags = float32_case()
    tags[3, 1] = 2
    tags[4, 1] = 1
    with pytest.raises(ValueError, match=r"constraints, got I-X at index \(4, 1\)\."):
        crf_cross_entropy(tagger, params, emissions, tags)
    with pytest.raises(ValueError, match=r"constraints, got I-X at index \(4, 1\)\."):
        jax.grad(lambda p: crf_cross_entropy(tagger, p, emissions, tags).sum())(params)


def test_forbidden_tags_under_jit_have_an_infinite_loss_and_no_gradient():
    tagger, params, emissions, tags = float32_case()

    def losses(params, emissions, tags):
        nats = crf_cross_entropy(tagger, params, emissions, tags)
        return nats.sum(), nats

    differentiate = jax.jit(jax.value_and_grad(losses, (0, 1), has_aux=True))
    (_, allowed), (_, want) = differentiate(params, emissions, tags)
    assert np.isfinite(allowed).all() and np.all(crf_allows(tagger, tags))
    forbidden = tags.copy()
    forbidden[0, 2] = 1
    (total, nats), (by_params, got) = differentiate(params, emissions, forbidden)
    assert total == np.inf and nats[2] == np.inf
    np.testing.assert_array_equal(np.delete(nats, 2), np.delete(allowed, 2))
    np.testing.assert_array_equal(got[:, 2], 0)
    np.testing.assert_array_equal(np.delete(got, 2, axis=1), np.delete(want, 2, axis=1))
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(by_params))
    allows = [True, True, False, True]
    np.testing.assert_array_equal(crf_allows(tagger, forbidden), allows)
    outside = tags.copy()
    outside[1, 3] = N
    (_, nats), _ = differentiate(params, emissions, outside)
    np.testing.assert_array_equal(np.isnan(nats), [False, False, False, True])


def test_no_path_at_all():
    """Constraints that leave no sequence: no NaN in values and gradients."""
    tagger = crf(N, constraints=tag_constraints("abc", lambda x, y: x is None))
    params, emissions = split(draw_scores(5))
    params = {name: np.float32(x[0]) for name, x in params.items()}

    def measure(params):
        arguments = (tagger, params, emissions[0])
        values = crf_log_partition(*arguments), crf_entropy(*arguments)
        return values, (*values, crf_num_paths(*arguments), crf_marginals(*arguments))

    gradients, values = jax.jit(jax.jacrev(measure, has_aux=True))(params)
    log_partition, entropy, num_paths, marginals = values
    assert log_partition == -np.inf and entropy == 0 and num_paths == 0
    np.testing.assert_array_equal(marginals, 0)
    for gradient in jax.tree.leaves(gradients):
        np.testing.assert_array_equal(gradient, 0)


def test_padding_is_not_seen():
    """Not a bit of values and gradients changes, whatever it holds."""
    tagger, params, emissions, tags = float32_case()
    mask = np.ones((T, 4), bool)
    mask[2:4, 0] = mask[0, 3] = mask[:, 1] = False
    tags[1, 3] = 0

    @jax.jit
    @jax.vmap
    def differentiate(emissions, tags):
        def loss(params, emissions):
            return crf_cross_entropy(tagger, params, emissions, tags, mask).sum()

        return jax.value_and_grad(loss, (0, 1))(params, emissions)

    fills = np.array([0, np.nan, np.inf, -np.inf, 1e30], np.float32)
    filled = np.stack([np.where(mask[..., None], emissions, fill) for fill in fills])
    foreign = np.stack([np.where(mask, tags, fill) for fill in (0, -1, 3, 7, 99)])
    for leaf in map(np.asarray, jax.tree.leaves(differentiate(filled, foreign))):
        assert np.isfinite(leaf).all()
        np.testing.assert_array_equal(leaf, np.broadcast_to(leaf[:1], leaf.shape))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"emissions": np.zeros((T, 4, N + 1))}, r"emissions must be \[T, ..., 3\]"),
        ({"emissions": np.zeros(N)}, r"\[T, ..., 3\], got shape \(3,\)"),
        ({"mask": np.ones((T, 3), bool)}, r"mask must be bool of shape \(5, 4\), got"),
        ({"mask": np.ones((T, 4))}, "mask must be bool .* got float"),
        ({"tags": np.zeros((T, 4))}, r"tags must be integers .* \(5, 4\), got float"),
        ({"tags": np.zeros((T, 3), int)}, r"tags must be integers of shape \(5, 4\)"),
        ({"tags": np.full((T, 4), N)}, "tags must be from 0 to 2, got 3"),
        ({"tags": np.full((T, 4), -1)}, "tags must be from 0 to 2, got -1"),
        ({"params": crf(2).init(jax.random.key(0))}, "params must be of shapes"),
        ({"params": {"start": np.zeros(N)}}, "params must be of shapes"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    tagger, params, emissions, tags = float32_case()
    arguments = {"params": params, "emissions": emissions, "tags": tags} | changes
    with pytest.raises(ValueError, match=message):
        crf_cross_entropy(tagger, **arguments)


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="constraints must be for 4 tags, got 3"):
        crf(4, constraints=BIO)
    with pytest.raises(ValueError, match="num_tags must be a positive whole number"):
        crf(0)
    with pytest.raises(ValueError, match="tags must be integers of shape"):
        crf_allows(crf(N), jnp.ones((T, 2)))


def test_equal_options_make_the_same_crf():
    assert crf(N, constraints=BIO) is crf(N, constraints=bio_constraints(BIO.tags))
