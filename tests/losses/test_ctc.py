"""CTC against all paths, against Optax, and at the edges."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.kit_speed.ctc import make_losses
from rnnjax import lengths_to_mask
from rnnjax.losses import ctc_entropy, ctc_loss, ctc_num_alignments, ctc_posteriors
from tests.losses import alignments
from tests.pytrees import assert_close, assert_same_bits

T, N, B, V = 6, 3, 7, 4
BLANK = 2


def draw(dtype=np.float64):
    """Draws logits, targets with repeats, and masks with gaps and empty rows."""
    rng = np.random.default_rng(0)
    labels = [label for label in range(V) if label != BLANK]
    targets = rng.choice(labels, size=(N, B))
    targets[:, 1] = labels[1]
    targets[1, 2] = targets[0, 2]
    mask, target_mask = rng.random((T, B)) < 0.8, rng.random((N, B)) < 0.7
    mask[:, :3], target_mask[:, 0] = True, True
    target_mask[:, 3], mask[:, 4] = False, False
    logits = rng.normal(scale=2, size=(T, B, V)).astype(dtype)
    return logits, targets, mask, target_mask


def paths_of_rows(targets, mask, target_mask):
    """Yields each row's number, real frames and paths."""
    for row in range(B):
        real = targets[target_mask[:, row], row]
        frames = np.flatnonzero(mask[:, row])
        yield row, frames, alignments.ctc_paths(len(frames), real, V, BLANK)


@jax.jit
def everything(logits, targets, direction, **masks):
    """Returns losses, derivatives of both orders and modes, and all statistics."""
    options = {"blank": BLANK, **masks}
    loss = functools.partial(ctc_loss, targets=targets, **options)
    return (
        *alignments.derivatives(loss, logits, direction),
        ctc_posteriors(logits, targets, **options),
        ctc_entropy(logits, targets, **options),
        ctc_num_alignments(logits, targets, **options),
    )


def test_equals_the_sum_over_all_paths(x64):
    logits, targets, mask, target_mask = draw()
    direction = np.random.default_rng(1).normal(size=logits.shape)
    loss, gradient, curvature, slope, posteriors, entropy, count = everything(
        logits, targets, direction, mask=mask, target_mask=target_mask
    )
    known = 0
    for row, frames, paths in paths_of_rows(targets, mask, target_mask):
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
            expected = posterior_of_label(paths, want.shares, n)
            assert_close(posteriors[frames, row, 2 * n + 1], expected, 1e-10)
    assert known >= 4


def test_every_second_derivative_equals_the_sum_over_all_paths(x64):
    logits, targets, mask, target_mask = draw()
    run = functools.partial(everything, mask=mask, target_mask=target_mask)
    rows = [
        (row, frames, np.eye(V)[paths])
        for row, frames, paths in paths_of_rows(targets, mask, target_mask)
        if len(paths) and len(frames)
    ]
    for along in alignments.one_hot_directions((T, V)):
        direction = np.repeat(along[:, None], B, axis=1)
        curvature = run(logits, targets, direction)[2]
        for row, frames, taken in rows:
            want = alignments.truth(logits[frames, row], taken, along[frames])
            assert_close(curvature[frames, row], want.curvature, 1e-10)


def posterior_of_label(paths, shares, place):
    """Sums the probabilities of the paths that emit a target at each frame."""
    before = np.pad(paths, [(0, 0), (1, 0)], constant_values=BLANK)[:, :-1]
    begun = np.cumsum((paths != BLANK) & (paths != before), axis=1)
    return shares @ ((paths != BLANK) & (begun == place + 1))


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


def test_a_row_that_is_not_feasible_spoils_nothing(x64):
    logits, targets, *_ = draw()
    options = {"mask": np.ones((T, B), bool), "target_mask": np.ones((N, B), bool)}
    options["mask"][4:] = False
    loss, gradient, *_ = everything(logits, targets, np.ones_like(logits), **options)
    assert np.isfinite(loss.nats).all() and 0 < np.sum(loss.feasible) < B
    assert not gradient[:, ~loss.feasible].any()
    assert (np.abs(gradient[:, loss.feasible]).sum(axis=(0, 2)) > 0).all()
    asked = ctc_loss(logits[:4], targets, blank=BLANK, infeasible=jnp.inf)
    np.testing.assert_array_equal(asked.nats == jnp.inf, ~loss.feasible)
    np.testing.assert_array_equal(asked.feasible, loss.feasible)


@pytest.mark.parametrize("fill", [0.0, 1e30, np.nan, np.inf, -np.inf])
def test_padding_changes_no_bit(x64, fill):
    logits, targets, mask, target_mask = draw()
    run = functools.partial(everything, mask=mask, target_mask=target_mask)
    want = run(logits, targets, np.ones_like(logits))
    filled = np.where(mask[..., None], logits, fill)
    other = np.where(target_mask, targets, BLANK if np.isnan(fill) else 9)
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
    logits[2, :, 1] = logits[4, :, BLANK] = -np.inf
    logits[:, 1, targets[0, 1]] = -np.inf
    logits[3, 2] = -np.inf
    options = dict(mask=np.ones((T, B), bool), target_mask=np.ones((N, B), bool))
    loss, gradient, curvature, *_, entropy, count = everything(
        logits, targets, np.ones_like(logits), **options
    )
    assert np.isfinite(gradient).all() and np.isfinite(curvature).all()
    for row, _, paths in paths_of_rows(targets, *options.values()):
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
            assert not gradient[2, row, 1] and not gradient[4, row, BLANK]


def test_batches_of_any_rank():
    logits, targets, mask, target_mask = draw(dtype=np.float32)
    options = dict(mask=mask[:, :6], target_mask=target_mask[:, :6])
    flat = ctc_loss(logits[:, :6], targets[:, :6], blank=BLANK, **options)
    shaped = ctc_loss(
        logits[:, :6].reshape(T, 2, 3, V),
        targets[:, :6].reshape(N, 2, 3),
        blank=BLANK,
        **{name: x.reshape(-1, 2, 3) for name, x in options.items()},
    )
    assert_same_bits(jax.tree.map(jnp.ravel, shaped), flat)


def test_traced_targets_with_a_blank_inside_are_not_feasible():
    logits, targets, *_ = draw(dtype=np.float32)
    targets[1, 3], targets[2, 5] = BLANK, V
    found = jax.jit(lambda targets: ctc_loss(logits, targets, blank=BLANK))(targets)
    assert not found.feasible[3] and not found.feasible[5] and found.feasible[0]


def test_low_precision_is_summed_in_float32():
    logits, targets, *_ = draw(dtype=np.float32)
    low = jnp.asarray(logits, jnp.bfloat16)
    got, want = (
        ctc_loss(x, targets, blank=BLANK).nats for x in (low, low.astype(np.float32))
    )
    assert got.dtype == np.float32
    assert_close(got, want, 1e-6)


def test_equals_optax_in_float64_and_is_nearer_to_it_in_float32():
    make = functools.partial(make_losses, 3, 150, 11, 20)
    with jax.enable_x64(True):
        truth, of_optax = (run() for run in make(np.float64).values())
        truth = jax.tree.map(np.asarray, truth)
        assert_close(of_optax, truth, 1e-5)
    for got, other, want in zip(*(run() for run in make().values()), truth):
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
