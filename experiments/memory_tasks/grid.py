"""The settings of all members: every seed at every point of a grid."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from experiments.harness.names import check_known, look_up
from rnnjax.base import Array


class Hyperparameters(NamedTuple):
    """Hyperparameters that a grid can vary within one compiled program.

    Attributes:
      learning_rate: of the optimizer.
      max_norm: global norm to which gradients are clipped; infinite: no clipping.
      penalty_weight: weight of Pascanu's regularizer, where it is used.
    """

    learning_rate: float | Array
    max_norm: float | Array
    penalty_weight: float | Array


METHODS = {  # the hyperparameters of each
    "plain": ("learning_rate",),
    "clipped": ("learning_rate", "max_norm"),
    "regularized": ("learning_rate", "max_norm", "penalty_weight"),
}


class Setting(NamedTuple):
    """What differs between members; for all members, `[M]` in every leaf.

    Attributes:
      init_key: key of the initial parameters.
      data_key: key of the sequences.
      hyperparameters: the point of the grid.
    """

    init_key: Array
    data_key: Array
    hyperparameters: Hyperparameters


def grid_points(
    base: Hyperparameters, grid: Sequence[str]
) -> tuple[Hyperparameters, ...]:
    """Lists the points of a grid.

    Args:
      base: values of the fields that the grid does not name.
      grid: fields with their values, such as "learning_rate=0.01,0.001".

    Returns:
      All combinations; the last field varies fastest.

    Raises:
      ValueError: if a field is unknown or named twice, or a value is not a positive
        number.
    """
    axes: dict[str, list[float]] = {}
    for text in grid:
        name, _, values = text.partition("=")
        check_known("the field of grid", name, Hyperparameters._fields)
        if name in axes:
            raise ValueError(f"grid must name a field once, got {name!r} twice.")
        axes[name] = [_positive(name, value) for value in values.split(",")]
    combinations = itertools.product(*axes.values())
    return tuple(base._replace(**dict(zip(axes, point))) for point in combinations)


def varied_fields(grid: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the hyperparameters that a grid varies."""
    return tuple(text.partition("=")[0] for text in grid)


def check_methods(methods: Sequence[str], varied: Sequence[str]) -> None:
    """Checks that the methods are known, and have the hyperparameters of the grid.

    Raises:
      ValueError: if not.
    """
    for method in methods:
        names = look_up("method", method, METHODS)
        for name in varied:
            if name not in names:
                raise ValueError(
                    f"grid must vary hyperparameters of the method {method}, "
                    f"{' or '.join(names)}, got {name!r}."
                )


def make_settings(
    points: Sequence[Hyperparameters], num_seeds: int, seed: int
) -> Setting:
    """Makes the settings of all members: every seed at every point.

    A seed has the same initial parameters and sequences at every point.

    Args:
      points: of the grid.
      num_seeds: members per point.
      seed: seed from which all keys are derived.

    Returns:
      The settings, `[len(points) * num_seeds]`; seeds vary fastest.
    """
    key = jax.random.key(seed)
    seeds = jnp.tile(jnp.arange(num_seeds), len(points))
    keys = jax.vmap(lambda i: jax.random.split(jax.random.fold_in(key, i)))(seeds)
    init_key, data_key = keys[:, 0], keys[:, 1]
    repeated = [jnp.repeat(jnp.array(x, float), num_seeds) for x in zip(*points)]
    return Setting(init_key, data_key, Hyperparameters(*repeated))


def _positive(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise ValueError(f"grid must give {name} positive numbers, got {text!r}.")
    return value
