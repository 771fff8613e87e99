"""Runs: flags, run directory, training loop, checkpoints, metrics.

An experiment is a file with a docstring, a frozen dataclass `Config(TrainingConfig)`,
`train(config, run)` that calls `fit`, and `main(train, Config)` at its end. One that
trains nothing has a `RunConfig`.
"""

from experiments.harness.command import main
from experiments.harness.config import RunConfig, TrainingConfig, check_needs, flag
from experiments.harness.errors import BadInput, MissingData
from experiments.harness.fit import fit, restore
from experiments.harness.guard import Diverged, guarded
from experiments.harness.initial import read_params
from experiments.harness.run import Run

__all__ = [
    "BadInput",
    "Diverged",
    "MissingData",
    "Run",
    "RunConfig",
    "TrainingConfig",
    "check_needs",
    "fit",
    "flag",
    "guarded",
    "main",
    "read_params",
    "restore",
]
