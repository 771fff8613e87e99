"""Losses over sequences."""

from rnnjax.losses.tokens import (
    cross_entropy,
    cross_entropy_mean_over_steps,
    cross_entropy_sum_over_time,
)

__all__ = [
    "cross_entropy",
    "cross_entropy_mean_over_steps",
    "cross_entropy_sum_over_time",
]
