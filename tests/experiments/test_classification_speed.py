"""The comparison of training rates with Keras, at a tiny size."""

import pytest

from experiments import classification_speed
from experiments.harness.command import DONE
from tests.experiments.running import results_of, run


@pytest.mark.conformance
def test_both_are_measured(tmp_path, capsys):
    pytest.importorskip("keras")
    flags = f"--dataset made --num-turns 1 --num-batches 1 --run-dir {tmp_path / 'run'}"
    assert run(classification_speed, flags, "compare") == DONE
    metrics = results_of(tmp_path / "run")["metrics"]
    ratio = metrics["rnnjax_rate"] / metrics["keras_rate"]
    assert f"rnnjax is {ratio:.2f} times as fast as keras" in capsys.readouterr().out
