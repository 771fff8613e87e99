"""What the experiments share: flags, run directory, training loop, checkpoints, plots.

An experiment is a file with a docstring, a frozen dataclass `Config(TrainingConfig)`,
`train(config, run)`, and `main(train, Config)` at its end. What trains nothing has a
`RunConfig`.
"""

from experiments.harness.command import main
from experiments.harness.config import RunConfig, TrainingConfig, flag
from experiments.harness.guard import Diverged, guarded
from experiments.harness.plots import learning_curve
from experiments.harness.run import Run

__all__ = [
    "Diverged",
    "Run",
    "RunConfig",
    "TrainingConfig",
    "flag",
    "guarded",
    "learning_curve",
    "main",
]
