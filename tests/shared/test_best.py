"""The best parameters are kept, and the rate decays without better ones."""

import pytest

from experiments.shared.best import BestState, first_best, keep_best


@pytest.mark.parametrize(
    ("scores", "patience", "expected"),
    [
        (
            [-5.0, -3.0, -4.0, -3.5, -2.0, -2.5],
            2,
            [(0, 1, 0), (1, 1, 0), (1, 1, 1), (1, 0.25, 2), (4, 0.25, 0), (4, 0.25, 1)],
        ),
        ([1.0, 0.5, 1.0, 0.9], 1, [(0, 1, 0), (0, 1 / 4, 1), (0, 1 / 16, 2)]),
        ([0.0, 0.1], 3, [(0, 1, 0), (1, 1, 0)]),
    ],
)
def test_the_best_are_kept_and_the_rate_decays(scores, patience, expected):
    state, found = BestState(-1, (), first_best(-1)), []
    for number, score in enumerate(scores):
        state = state._replace(params=number)
        state = keep_best(state, score, patience=patience, decay_rate=0.25)
        best = state.best
        found.append((best.params, float(best.rate_scale), int(best.num_since)))
    assert found[: len(expected)] == expected
    assert float(best.score) == pytest.approx(max(scores))
