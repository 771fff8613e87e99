"""Settings of members: seeds times a grid of hyperparameters."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from experiments.memory.networks import check_known
from rnnjax.base import Array


class Hyperparameters(NamedTuple):
    """What a grid can vary without another program.

    Attributes:
      learning_rate: of the optimizer.
      max_norm: the global norm to which gradients are clipped; infinite: they are not.
      penalty: the weight of Pascanu's regularizer, where it is used.
    """

    learning_rate: float | Array
    max_norm: float | Array
    penalty: float | Array


class Setting(NamedTuple):
    """What the members differ in; the first axis of every leaf is theirs.

    Attributes:
      init_key: draws the parameters.
      data_key: draws the sequences.
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
      base: the values of the fields that the grid does not name.
      grid: fields with their values, such as "learning_rate=0.01,0.001".

    Returns:
      All combinations; the last field varies fastest.

    Raises:
      ValueError: if a field is not known (it tells the nearest) or named twice, or if a
        value is no positive number.
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


def make_settings(
    points: Sequence[Hyperparameters], num_seeds: int, seed: int
) -> Setting:
    """Makes the settings of all members: of every point, each seed.

    A seed has the same initial parameters and sequences at every point.

    Args:
      points: of the grid.
      num_seeds: members of each point.
      seed: seed of all of them.

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
