"""CTC's best path, in chunks too, and forced alignment against all paths."""

import numpy as np
import pytest

from experiments.kit_speed.prefix_beam_loop import log_softmax
from rnnjax.decoding import ctc_align, ctc_greedy
from tests.losses.alignments import collapse, ctc_paths
from tests.pytrees import assert_close, assert_same_bits

T, N, B, V = 9, 3, 4, 5


def draw(blank=0):
    rng = np.random.default_rng(blank)
    logits = rng.normal(scale=2, size=(T, B, V)).astype(np.float32)
    mask = rng.random((T, B)) < 0.7
    mask[:, 1], mask[:, 2] = True, False
    return logits, mask


@pytest.mark.parametrize("blank", [0, 4])
def test_greedy_collapses_the_best_labels(blank):
    logits, mask = draw(blank)
    filled = np.where(mask[..., None], logits, np.nan)
    found = ctc_greedy(filled, blank=blank, mask=mask)
    for row in range(B):
        log_probs = log_softmax(logits[mask[:, row], row])
        want = collapse(log_probs.argmax(-1), blank)
        assert tuple(found.tokens[: found.lengths[row], row]) == want
        assert not found.tokens[found.lengths[row] :, row].any()
        assert found.starts[:, row].sum() == len(want)
        assert_close(found.log_probs[row], log_probs.max(-1, initial=-9).sum(), 1e-5)
    assert len(np.unique(found.lengths)) > 2


@pytest.mark.parametrize("size", [1, 3, T])
def test_greedy_in_chunks_equals_the_whole(size):
    path = np.array([[3, 0, 3, 3, 3, 3, 1, 1, 1], [0, 0, 2, 2, 0, 2, 2, 2, 0]]).T
    logits = np.eye(V)[path]
    mask = np.ones(path.shape, bool)
    mask[4, 0] = mask[:3, 1] = False
    whole, carry, tokens = ctc_greedy(logits, mask=mask), None, [[], []]
    for start in range(0, T, size):
        at = slice(start, start + size)
        chunk = ctc_greedy(logits[at], mask=mask[at], carry=carry)
        carry = chunk.carry
        for row in range(2):
            tokens[row] += chunk.tokens[: chunk.lengths[row], row].tolist()
    assert tokens == [[3, 3, 1], [2, 2]]
    for row in range(2):
        assert whole.tokens[: whole.lengths[row], row].tolist() == tokens[row]
    assert_same_bits(carry, whole.carry)


def test_alignment_is_the_best_path_to_the_targets():
    blank = 4
    logits, mask = draw(blank)
    mask[6:] = False
    rng = np.random.default_rng(3)
    labels = [label for label in range(V) if label != blank]
    targets = rng.choice(labels, size=(N, B))
    targets[1, 0] = targets[0, 0]
    target_mask = rng.random((N, B)) < 0.7
    target_mask[:, 1] = True
    target_mask[1, 0], target_mask[:, 2] = False, True
    filled = np.where(mask[..., None], logits, np.nan)
    found = ctc_align(filled, targets, blank=blank, mask=mask, target_mask=target_mask)
    assert 0 < np.sum(found.feasible) < B
    for row in range(B):
        real, frames = np.flatnonzero(target_mask[:, row]), mask[:, row]
        paths = ctc_paths(frames.sum(), targets[real, row], V, blank)
        assert found.feasible[row] == (len(paths) > 0)
        if not len(paths):
            assert found.log_probs[row] == -np.inf
            assert (found.places[:, row] == -1).all()
            continue
        log_probs = log_softmax(logits[frames, row])
        scores = log_probs[np.arange(len(log_probs)), paths].sum(axis=1)
        best = paths[scores.argmax()]
        np.testing.assert_array_equal(found.labels[frames, row], best)
        assert_close(found.log_probs[row], scores.max(), 1e-5)
        before = np.concatenate([[blank], best[:-1]])
        begun = np.cumsum((best != blank) & (best != before)) - 1
        places = np.where(best == blank, -1, real[begun])
        np.testing.assert_array_equal(found.places[frames, row], places)
        assert (np.asarray(found.places)[~frames, row] == -1).all()


def test_nothing_to_align():
    found = ctc_align(np.zeros((T, 2, V)), np.zeros((0, 2), int), blank=3)
    assert (found.labels == 3).all() and (found.places == -1).all()
    assert ctc_greedy(np.zeros((0, 2, V))).lengths.tolist() == [0, 0]
    assert ctc_align(np.zeros((0, V)), np.zeros(0, int)).feasible


@pytest.mark.parametrize(
    ("function", "changes", "message"),
    [
        (ctc_greedy, {"logits": np.zeros(V)}, r"logits must be \[T, ..., V\], got"),
        (ctc_greedy, {"blank": V}, "blank must be from 0 to 4, got 5"),
        (ctc_greedy, {"mask": np.ones(T, bool)}, r"mask must be bool of shape \(9, 4"),
        (ctc_align, {"targets": np.zeros((N, B), int)}, "targets must not contain the"),
        (ctc_align, {"targets": np.ones((N, B))}, "targets must be integers, got flo"),
    ],
)
def test_wrong_arguments_are_refused(function, changes, message):
    with pytest.raises(ValueError, match=message):
        function(**{"logits": np.zeros((T, B, V))} | changes)
