"""CTC against all paths, against Optax, and at the edges."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rnnjax import lengths_to_mask
from rnnjax.losses import ctc_entropy, ctc_loss, ctc_num_alignments, ctc_posteriors
from tests.losses import alignments
from tests.pytrees import assert_close, assert_same_bits

T, N, B, V = 6, 3, 7, 4


def draw(seed=0, num_steps=T, dtype=np.float64, blank=0):
    """Draws logits, targets with repeats, and masks with gaps and empty rows."""
    rng = np.random.default_rng(seed)
    labels = [label for label in range(V) if label != blank]
    targets = rng.choice(labels, size=(N, B))
    targets[:, 1] = labels[1]
    targets[1, 2] = targets[0, 2]
    mask, target_mask = rng.random((num_steps, B)) < 0.8, rng.random((N, B)) < 0.7
    mask[:, :3], target_mask[:, 0] = True, True
    target_mask[:, 3], mask[:, 4] = False, False
    logits = rng.normal(scale=2, size=(num_steps, B, V)).astype(dtype)
    return logits, targets, mask, target_mask


def paths_of_rows(targets, mask, target_mask, blank):
    """Yields each row's number, real frames and paths."""
    for row in range(B):
        real = targets[target_mask[:, row], row]
        frames = np.flatnonzero(mask[:, row])
        yield row, frames, alignments.ctc_paths(len(frames), real, V, blank)


@functools.partial(jax.jit, static_argnames="blank")
def everything(logits, targets, direction, **options):
    """Returns losses, derivatives of both orders and modes, and all statistics."""

    def total(logits):
        return ctc_loss(logits, targets, **options).nats.sum()

    def nats(logits):
        return ctc_loss(logits, targets, **options).nats

    gradient, curvature = jax.jvp(jax.grad(total), (logits,), (direction,))
    return (
        ctc_loss(logits, targets, **options),
        gradient,
        curvature,
        jax.jvp(nats, (logits,), (direction,))[1],
        ctc_posteriors(logits, targets, **options),
        ctc_entropy(logits, targets, **options),
        ctc_num_alignments(logits, targets, **options),
    )


@pytest.mark.parametrize("blank", [0, 2])
def test_equals_the_sum_over_all_paths(x64, blank):
    logits, targets, mask, target_mask = draw(blank=blank)
    direction = np.random.default_rng(1).normal(size=logits.shape)
    loss, gradient, curvature, slope, posteriors, entropy, count = everything(
        logits, targets, direction, blank=blank, mask=mask, target_mask=target_mask
    )
    known = 0
    for row, frames, paths in paths_of_rows(targets, mask, target_mask, blank):
        assert loss.feasible[row] == (len(paths) > 0)
        assert count[row] == len(paths)
        padding = np.setdiff1d(np.arange(T), frames)
        assert not gradient[padding, row].any()
        assert not posteriors[padding, row].any()
        if len(paths) == 0 or len(frames) == 0:
            assert loss.nats[row] == 0
            assert not gradient[:, row].any() and not curvature[:, row].any()
            continue
        known += 1
        along = direction[frames, row]
        want = alignments.truth(logits[frames, row], np.eye(V)[paths], along)
        assert_close(loss.nats[row], want.nats, 1e-10)
        assert_close(gradient[frames, row], want.gradient, 1e-10)
        assert_close(curvature[frames, row], want.curvature, 1e-10)
        assert_close(slope[row], np.sum(want.gradient * along), 1e-10)
        assert_close(entropy[row], want.entropy, 1e-10)
        assert_close(posteriors[frames, row].sum(-1), np.ones(len(frames)), 1e-10)
        for n in range(target_mask[:, row].sum()):
            expected = posterior_of_label(paths, want.shares, n, blank)
            assert_close(posteriors[frames, row, 2 * n + 1], expected, 1e-10)
    assert known >= 4


def posterior_of_label(paths, shares, place, blank):
    """Sums the probabilities of the paths that emit a target at each frame."""
    before = np.pad(paths, [(0, 0), (1, 0)], constant_values=blank)[:, :-1]
    begun = np.cumsum((paths != blank) & (paths != before), axis=1)
    return shares @ ((paths != blank) & (begun == place + 1))


def test_feasible_where_frames_suffice_for_targets_and_repeats():
    """T >= N + R, and the number of alignments is the binomial (T + N - R over 2N)."""
    labels = np.array(list(itertools.product([1, 2], repeat=N))).T
    repeats = (labels[1:] == labels[:-1]).sum(axis=0)
    frames = np.arange(1, T + 1)[:, None] * np.ones_like(repeats)
    targets = np.broadcast_to(labels[:, None], (N, *frames.shape))
    logits, mask = np.zeros((T, *frames.shape, V)), lengths_to_mask(frames, T)
    feasible = ctc_loss(logits, targets, mask=mask).feasible
    np.testing.assert_array_equal(feasible, frames >= N + repeats)
    ways = np.vectorize(math.comb)(frames + N - repeats, 2 * N)
    np.testing.assert_array_equal(ctc_num_alignments(logits, targets, mask=mask), ways)


def test_a_row_that_is_not_feasible_spoils_nothing():
    logits, targets, *_ = draw(num_steps=4, dtype=np.float32)

    def loss(logits, infeasible=0.0):
        found = ctc_loss(logits, targets, infeasible=infeasible)
        return found.nats.sum(), found

    (total, found), gradient = jax.value_and_grad(loss, has_aux=True)(logits)
    assert np.isfinite(total) and 0 < np.sum(found.feasible) < B
    assert not gradient[:, ~found.feasible].any()
    assert (np.abs(gradient[:, found.feasible]).sum(axis=(0, 2)) > 0).all()
    asked = ctc_loss(logits, targets, infeasible=jnp.inf)
    np.testing.assert_array_equal(asked.nats == jnp.inf, ~asked.feasible)


@pytest.mark.parametrize("fill", [0.0, 1e30, np.nan, np.inf, -np.inf])
def test_padding_changes_no_bit(x64, fill):
    logits, targets, mask, target_mask = draw()
    run = functools.partial(everything, blank=0, mask=mask, target_mask=target_mask)
    want = run(logits, targets, np.ones_like(logits))
    filled = np.where(mask[..., None], logits, fill)
    other = np.where(target_mask, targets, 0 if np.isnan(fill) else 9)
    assert_same_bits(run(filled, other, np.ones_like(logits)), want)


def test_empty_targets_and_empty_frames(x64):
    logits = np.random.default_rng(2).normal(size=(T, 2, V))
    blanks = -np.asarray(jax.nn.log_softmax(logits))[..., 0].sum(axis=0)
    assert_close(ctc_loss(logits, np.zeros((0, 2), int)).nats, blanks, 1e-12)
    nothing = ctc_loss(logits[:0], np.zeros((0, 2), int))
    assert not nothing.nats.any() and nothing.feasible.all()
    too_long = ctc_loss(logits[:0], np.ones((1, 2), int))
    assert not too_long.nats.any() and not too_long.feasible.any()
    assert ctc_posteriors(logits[:0], np.ones((1, 2), int)).shape == (0, 2, 3)


def test_labels_that_are_impossible(x64):
    """-inf among the logits: their paths do not count, and have no gradient."""
    logits, targets, *_ = draw()
    logits[2, :, 1] = logits[4, :, 0] = -np.inf
    logits[:, 1, targets[0, 1]] = -np.inf
    logits[3, 2] = -np.inf
    options = dict(mask=np.ones((T, B), bool), target_mask=np.ones((N, B), bool))
    loss, gradient, curvature, *_, entropy, count = everything(
        logits, targets, np.ones_like(logits), blank=0, **options
    )
    assert np.isfinite(gradient).all() and np.isfinite(curvature).all()
    for row, _, paths in paths_of_rows(targets, *options.values(), 0):
        if row == 2:  # a frame without a possible label
            assert not loss.feasible[row] and not gradient[:, row].any()
            continue
        possible = np.isfinite(logits[np.arange(T), row, paths]).all(axis=1)
        assert count[row] == possible.sum()
        assert loss.feasible[row] == possible.any() == (row != 1)
        if possible.any():
            want = alignments.truth(logits[:, row], np.eye(V)[paths[possible]])
            assert_close(loss.nats[row], want.nats, 1e-12)
            assert_close(gradient[:, row], want.gradient, 1e-12)
            assert_close(entropy[row], want.entropy, 1e-12)
            assert not gradient[2, row, 1] and not gradient[4, row, 0]


def test_batches_of_any_rank():
    logits, targets, mask, target_mask = draw(dtype=np.float32)
    options = dict(mask=mask[:, :6], target_mask=target_mask[:, :6])
    flat = ctc_loss(logits[:, :6], targets[:, :6], **options)
    shaped = ctc_loss(
        logits[:, :6].reshape(T, 2, 3, V),
        targets[:, :6].reshape(N, 2, 3),
        **{name: x.reshape(-1, 2, 3) for name, x in options.items()},
    )
    assert_same_bits(jax.tree.map(jnp.ravel, shaped), flat)
    alone = ctc_loss(
        logits[:, 2], targets[:, 2], **{name: x[:, 2] for name, x in options.items()}
    )
    assert_close(alone.nats, flat.nats[2], 1e-6)


def test_traced_targets_with_a_blank_inside_are_not_feasible():
    logits, targets, *_ = draw(dtype=np.float32)
    targets[1, 3], targets[2, 5] = 0, V
    found = jax.jit(ctc_loss)(logits, targets)
    assert not found.feasible[3] and not found.feasible[5] and found.feasible[0]


def test_low_precision_is_summed_in_float32():
    logits, targets, *_ = draw(dtype=np.float32)
    low = jnp.asarray(logits, jnp.bfloat16)
    got, gradient = jax.value_and_grad(lambda x: ctc_loss(x, targets).nats.sum())(low)
    assert got.dtype == np.float32 and gradient.dtype == jnp.bfloat16
    assert_close(got, ctc_loss(low.astype(np.float32), targets).nats.sum(), 1e-6)


def long_batch(dtype):
    rng = np.random.default_rng(4)
    num_steps, rows, size, length = 150, 3, 11, 20
    logits = rng.normal(scale=2, size=(num_steps, rows, size)).astype(dtype)
    targets = rng.integers(1, size, size=(length, rows))
    mask = np.arange(num_steps)[:, None] < np.array([150, 140, 90])
    target_mask = np.arange(length)[:, None] < np.array([13, 20, 0])
    return logits, targets, mask, target_mask


@jax.jit
def ours(logits, targets, mask, target_mask):
    def total(logits):
        found = ctc_loss(logits, targets, mask=mask, target_mask=target_mask)
        return found.nats.sum(), found.nats

    return jax.grad(total, has_aux=True)(logits)


@jax.jit
def of_optax(logits, targets, mask, target_mask):
    def total(logits):
        paddings = (1.0 - x.T for x in (mask, target_mask))
        frames, labels = paddings
        nats = optax.ctc_loss(jnp.swapaxes(logits, 0, 1), frames, targets.T, labels)
        return nats.sum(), nats

    return jax.grad(total, has_aux=True)(logits)


def test_equals_optax_in_float64_and_is_nearer_to_it_in_float32():
    with jax.enable_x64(True):
        truth = jax.tree.map(np.asarray, ours(*long_batch(np.float64)))
        assert_close(of_optax(*long_batch(np.float64)), truth, 1e-5)
    batch = long_batch(np.float32)
    for got, other, want in zip(ours(*batch), of_optax(*batch), truth):
        errors = (np.abs(np.asarray(x) - want).max() for x in (got, other))
        assert next(errors) <= next(errors)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logits": np.zeros(4)}, r"logits must be \[T, ..., V\], got shape \(4,\)"),
        ({"blank": V}, "blank must be from 0 to 3, got 4"),
        ({"blank": -1}, "blank must be from 0 to 3, got -1"),
        ({"blank": True}, "blank must be from 0 to 3, got True"),
        ({"targets": np.ones((N, B))}, "targets must be integers, got float"),
        ({"targets": np.ones((N, 2), int)}, r"targets must be of shape \(N, 7\), got"),
        ({"targets": np.full((N, B), V)}, "targets must be from 0 to 3, got 4"),
        ({"targets": np.full((N, B), -1)}, "targets must be from 0 to 3, got -1"),
        ({"targets": np.zeros((N, B), int)}, "targets must not contain the blank, got"),
        ({"mask": np.ones((T, B))}, r"mask must be bool of shape \(6, 7\), got float"),
        ({"mask": np.ones((N, B), bool)}, r"mask must be bool of shape \(6, 7\), got"),
        ({"target_mask": np.ones((T, B), bool)}, r"target_mask must be bool of shape "),
    ],
)
@pytest.mark.parametrize("function", [ctc_loss, ctc_posteriors])
def test_wrong_arguments_are_refused(function, changes, message):
    arguments = {"logits": np.zeros((T, B, V)), "targets": np.ones((N, B), int)}
    with pytest.raises(ValueError, match=message):
        function(**arguments | changes)
