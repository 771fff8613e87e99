"""The transducer against all alignments, and at the edges."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.losses import transducer_loss, transducer_posteriors
from tests.losses import alignments
from tests.pytrees import assert_close, assert_same_bits

T, U, B, V = 4, 3, 6, 5
BLANK = 3


def draw():
    """Draws logits, targets, and masks with gaps and empty rows."""
    rng = np.random.default_rng(3)
    labels = [label for label in range(V) if label != BLANK]
    mask, target_mask = rng.random((T, B)) < 0.7, rng.random((U, B)) < 0.6
    mask[:, 0], target_mask[:, 0] = True, True
    target_mask[:, 1], mask[:, 2] = False, False
    mask[:, 3], target_mask[:, 3] = False, False
    target_mask[:, 2] = True
    logits = rng.normal(scale=2, size=(T, U + 1, B, V))
    return logits, rng.choice(labels, size=(U, B)), mask, target_mask


def position_mask(target_mask):
    return np.concatenate([np.ones((1, B), bool), target_mask])


@jax.jit
def everything(logits, targets, direction, **masks):
    """Returns the loss, its derivatives of both orders and modes, and posteriors."""
    options = {"blank": BLANK, **masks}
    loss = functools.partial(transducer_loss, targets=targets, **options)
    return (
        *alignments.derivatives(loss, logits, direction),
        transducer_posteriors(logits, targets, **options),
    )


def test_equals_the_sum_over_all_alignments(x64):
    logits, targets, mask, target_mask = draw()
    direction = np.random.default_rng(1).normal(size=logits.shape)
    loss, gradient, curvature, slope, posteriors = everything(
        logits, targets, direction, mask=mask, target_mask=target_mask
    )
    np.testing.assert_array_equal(loss.feasible, np.arange(B) != 2)
    for row in set(range(B)) - {2, 3}:
        frames = np.flatnonzero(mask[:, row])
        places = np.flatnonzero(position_mask(target_mask)[:, row])
        cells = np.ix_(frames, places)
        labels = targets[target_mask[:, row], row]
        taken = alignments.transducer_paths(len(frames), labels, V, BLANK)
        along = direction[:, :, row][cells]
        want = alignments.truth(logits[:, :, row][cells], taken, along)
        assert_close(loss.nats[row], want.nats, 1e-10)
        assert_close(gradient[:, :, row][cells], want.gradient, 1e-10)
        assert_close(curvature[:, :, row][cells], want.curvature, 1e-10)
        assert_close(slope[row], np.sum(want.gradient * along), 1e-10)
        occupancy = np.tensordot(want.shares, taken, 1)
        of_blank = occupancy[..., BLANK]
        assert_close(posteriors.blank[:, :, row][cells], of_blank, 1e-10)
        of_label = occupancy.sum(-1) - of_blank
        assert_close(posteriors.label[:, :, row][cells], of_label, 1e-10)


def test_every_second_derivative_equals_the_sum_over_all_alignments(x64):
    """Of the row without padding and of one with gaps."""
    logits, targets, mask, target_mask = draw()
    run = functools.partial(everything, mask=mask, target_mask=target_mask)
    examples = []
    for row in (0, 5):
        frames = np.flatnonzero(mask[:, row])
        places = np.flatnonzero(position_mask(target_mask)[:, row])
        labels = targets[target_mask[:, row], row]
        taken = alignments.transducer_paths(len(frames), labels, V, BLANK)
        examples.append((row, np.ix_(frames, places), taken))
    for along in alignments.one_hot_directions((T, U + 1, V)):
        direction = np.repeat(along[:, :, None], B, axis=2)
        curvature = run(logits, targets, direction)[2]
        for row, cells, taken in examples:
            want = alignments.truth(logits[:, :, row][cells], taken, along[cells])
            assert_close(curvature[:, :, row][cells], want.curvature, 1e-10)


def test_padding_changes_nothing_and_has_no_gradient(x64):
    logits, targets, mask, target_mask = draw()
    run = functools.partial(everything, mask=mask, target_mask=target_mask)
    want = run(logits, targets, np.ones_like(logits))
    real = mask[:, None] & position_mask(target_mask)
    assert not np.any(np.asarray(want[1])[~real])
    for fill in (0, np.nan, np.inf):
        filled = np.where(real[..., None], logits, fill)
        other = np.where(target_mask, targets, 9)
        assert_same_bits(run(filled, other, np.ones_like(logits)), want)


def test_rows_without_frames():
    """Without targets they have probability 1; otherwise they are not feasible."""
    _, targets, mask, target_mask = draw()
    logits = draw()[0].astype(np.float32)
    found = transducer_loss(
        logits, targets, blank=BLANK, mask=mask, target_mask=target_mask
    )
    assert found.feasible[3] and not found.feasible[2]
    assert found.nats[3] == found.nats[2] == 0
    nothing = transducer_loss(logits[:0, :1], targets[:0])
    assert nothing.feasible.all() and not nothing.nats.any()
    too_long = transducer_loss(logits[:0], targets, blank=BLANK, infeasible=jnp.inf)
    assert not too_long.feasible.any() and np.all(too_long.nats == np.inf)


def test_without_targets_all_frames_are_blank():
    logits = draw()[0][:, :1].astype(np.float32)
    blanks = -jax.nn.log_softmax(logits)[:, 0, :, 2].sum(axis=0)
    found = transducer_loss(logits, np.zeros((0, B), int), blank=2)
    assert_close(found.nats, blanks, 1e-6)


def test_impossible_labels_and_batches_of_any_rank():
    logits, targets, *_ = draw()
    logits = logits.astype(np.float32)
    logits[:, 1, 2, targets[1, 2]] = -np.inf

    def loss(logits, targets):
        found = transducer_loss(logits, targets, blank=BLANK)
        return found.nats.sum(), found

    gradient, flat = jax.grad(loss, has_aux=True)(logits, targets)
    np.testing.assert_array_equal(flat.feasible, np.arange(B) != 2)
    assert np.isfinite(gradient).all() and not gradient[:, :, 2].any()
    _, shaped = loss(logits.reshape(T, U + 1, 2, 3, V), targets.reshape(U, 2, 3))
    assert_same_bits(jax.tree.map(jnp.ravel, shaped), flat)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logits": np.zeros((T, V))}, r"logits must be \[T, U \+ 1, ..., V\], got"),
        ({"logits": np.zeros((T, U, B, V))}, "logits must have 4 positions, one more"),
        ({"blank": V}, "blank must be from 0 to 4, got 5"),
        ({"targets": np.ones((U, B))}, "targets must be integers, got float"),
        ({"targets": np.ones((U, 2), int)}, r"targets must be of shape \(N, 6\), got"),
        ({"targets": np.zeros((U, B), int)}, "targets must not contain the blank, got"),
        ({"mask": np.ones((U, B), bool)}, r"mask must be bool of shape \(4, 6\), got"),
        ({"target_mask": np.ones((T, B), bool)}, r"target_mask must be bool of shape "),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    arguments = {
        "logits": np.zeros((T, U + 1, B, V)),
        "targets": np.ones((U, B), int),
    }
    with pytest.raises(ValueError, match=message):
        transducer_loss(**arguments | changes)
