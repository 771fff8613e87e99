"""The LSTM's extreme regimes hold, and departures from them are detected."""

import numpy as np
import pytest

from experiments import lstm_regimes as regimes

X = np.random.default_rng(3).normal(size=37)


def test_regimes_hold_and_pinned_is_plain():
    distances = regimes.distances_of_regimes(X, *regimes.run_pulsed(X))
    assert max(distances.values()) < 1e-6
    plain = regimes.run_plain(X)
    assert abs(regimes.run_pinned(X) - plain).max() < 1e-6
    assert plain.std() > 0.1


@pytest.mark.parametrize(
    ("time", "seen"),
    [
        (regimes.PULSES["capture"] + 3, {"keeps", "is silent otherwise"}),
        (regimes.PULSES["erase"] + 2, {"erases", "is silent otherwise"}),
        (regimes.PULSES["release"], {"keeps", "releases"}),
    ],
)
def test_a_wrong_step_is_detected(time, seen):
    c, h = (x.copy() for x in regimes.run_pulsed(X))
    c[time] += 0.1
    h[time] += 0.1
    distances = regimes.distances_of_regimes(X, c, h)
    assert {name for name, distance in distances.items() if distance > 1e-6} == seen
