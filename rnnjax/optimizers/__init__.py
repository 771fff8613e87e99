"""Optax transformations: clipping, guards and averaging of parameters."""

from rnnjax.optimizers.averaging import (
    AveragingState,
    averaged_params,
    moving_average,
    non_monotonic_averaging,
    nt_asgd,
    record_validation,
)
from rnnjax.optimizers.clipping import (
    ClipState,
    clip_by_block,
    clip_by_norm,
    clip_by_value,
    clip_states,
)
from rnnjax.optimizers.range_test import RangeTest, range_test
from rnnjax.optimizers.skipping import (
    SkipState,
    raise_if_stopped,
    skip_nonfinite,
    skip_state,
)

__all__ = [
    "AveragingState",
    "ClipState",
    "RangeTest",
    "SkipState",
    "averaged_params",
    "clip_by_block",
    "clip_by_norm",
    "clip_by_value",
    "clip_states",
    "moving_average",
    "non_monotonic_averaging",
    "nt_asgd",
    "raise_if_stopped",
    "range_test",
    "record_validation",
    "skip_nonfinite",
    "skip_state",
]
