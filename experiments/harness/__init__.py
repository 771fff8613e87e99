"""What the experiments share: flags, run directory, training loop, checkpoints, plots.

An experiment is a file with a docstring, a frozen dataclass `Config(RunConfig)`,
`train(config, run)`, and `main(train, Config)` at its end.
"""

from experiments.harness.command import main
from experiments.harness.config import RunConfig, flag
from experiments.harness.guard import Diverged, guarded
from experiments.harness.plots import learning_curve
from experiments.harness.run import Run

__all__ = ["Diverged", "Run", "RunConfig", "flag", "guarded", "learning_curve", "main"]
