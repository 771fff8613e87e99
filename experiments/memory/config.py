"""The flags of the memory tasks."""

import dataclasses
from typing import Literal

from experiments.harness import TrainingConfig, flag
from experiments.memory.grid import Hyperparameters, grid_points
from experiments.memory.tasks import IMAGES, SEQUENCES
from experiments.shared.devices import start_member_devices

TEST_BATCH = 500


@dataclasses.dataclass(frozen=True)
class Config(TrainingConfig):
    """Flags of the memory tasks."""

    task: str = flag("adding_bai", f"one of {', '.join(SEQUENCES | IMAGES)}")
    num_steps: int | None = flag(
        None, "T of the task; none: 100, or for digits as many as it takes to read them"
    )
    dataset: Literal["dot_matrix", "mnist"] = flag(
        "dot_matrix", "whose digits; dot_matrix is made by code"
    )
    cells: tuple[str, ...] = flag(
        ("elman", "lstm", "gru"), "cells to compare, by the names of their makers"
    )
    layer: str = flag("stack", "stack, dilated, residual or bidirectional")
    hidden_size: int = flag(50, "width of each cell", minimum=1)
    num_layers: int = flag(1, "cells of the layer", minimum=1)
    methods: tuple[str, ...] = flag(
        ("clipped",), "plain, clipped or regularized (and clipped), to compare"
    )
    optimizer: Literal["adam", "rmsprop", "sgd"] = flag("adam", "rule of the updates")
    learning_rate: float = flag(1e-2, "learning rate", minimum=0)
    max_norm: float = flag(1.0, "global norm to which gradients are clipped", minimum=0)
    penalty: float = flag(4.0, "weight of Pascanu's regularizer", minimum=0)
    grid: tuple[str, ...] = flag(
        (), "hyperparameters to vary, such as learning_rate=0.01,0.001 max_norm=1,10"
    )
    num_seeds: int = flag(2, "members of each point of the grid", minimum=1)
    batch_size: int = flag(20, "sequences of an update", minimum=1)
    num_tests: int = flag(
        1000, f"sequences of an examination, a multiple of {TEST_BATCH}", minimum=1
    )
    num_updates: int = flag(1500, "updates of each member at most")
    eval_every: int = flag(100, "updates between two examinations")
    checkpoint_every: int = flag(500, "updates between two checkpoints")
    num_devices: int | None = flag(
        None, "devices that share the members; none: one a core", minimum=1
    )

    def __post_init__(self):
        """Checks what a flag alone cannot say."""
        super().__post_init__()
        for name in Hyperparameters._fields:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")
        self._check_multiple("num_tests", TEST_BATCH)
        # so that a run that is continued examines its members when a longer one does
        self._check_multiple("num_updates", self.eval_every)

    @property
    def varied(self) -> tuple[str, ...]:
        """The hyperparameters that the grid varies."""
        return tuple(text.partition("=")[0] for text in self.grid)

    @property
    def points(self) -> tuple[Hyperparameters, ...]:
        """The points of the grid."""
        base = Hyperparameters(self.learning_rate, self.max_norm, self.penalty)
        return grid_points(base, self.grid)

    def settled(self) -> "Config":
        """Settles how many devices there are, and starts them."""
        num_members = len(self.points) * self.num_seeds
        number = start_member_devices(self.num_devices, num_members)
        return dataclasses.replace(self, num_devices=number)

    def _check_multiple(self, name: str, unit: int) -> None:
        if getattr(self, name) % unit:
            raise ValueError(
                f"{name} must be a multiple of {unit}, got {getattr(self, name)}."
            )
