"""The LSTM's extreme regimes hold, and departures from them are detected."""

import numpy as np
import pytest

from experiments.lstm_regimes import (
    PULSES,
    distances_of_regimes,
    run_pinned,
    run_plain,
    run_pulsed,
)

X = np.random.default_rng(3).normal(size=37)


def test_regimes_hold_and_pinned_is_plain():
    assert max(distances_of_regimes(X, *run_pulsed(X)).values()) < 1e-6
    plain = run_plain(X)
    assert abs(run_pinned(X) - plain).max() < 1e-6
    assert plain.std() > 0.1


@pytest.mark.parametrize(
    ("time", "regimes"),
    [
        (PULSES["capture"] + 3, {"keeps", "is silent otherwise"}),
        (PULSES["erase"] + 2, {"erases", "is silent otherwise"}),
        (PULSES["release"], {"keeps", "releases"}),
    ],
)
def test_a_wrong_step_is_detected(time, regimes):
    c, h = (x.copy() for x in run_pulsed(X))
    c[time] += 0.1
    h[time] += 0.1
    distances = distances_of_regimes(X, c, h)
    assert {name for name, distance in distances.items() if distance > 1e-6} == regimes
