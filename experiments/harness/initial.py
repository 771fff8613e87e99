"""Initial parameters from another run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from experiments.harness import arrays
from experiments.harness.checkpoints import Checkpoints
from experiments.harness.console import print_text
from experiments.harness.results import read_results


def read_params(
    directory: Path, template: Any, *, branches: Sequence[str] = ("params",)
) -> Any:
    """Reads the parameters of a run's last checkpoint.

    Nothing else of the checkpoint is used, so its optimizer, schedule and batch size
    may be others than those of the run that takes the parameters.

    Args:
      directory: the run directory.
      template: parameters of the same structure, shapes and dtypes; the result has
        their shardings.
      branches: where the run's state may hold the parameters, such as `best.params`;
        the first that it has counts.

    Returns:
      The parameters.

    Raises:
      ValueError: if the directory has no checkpoint of today's format, none of them is
        whole, or its parameters have another structure; names the leaves.
    """
    read_results(directory)  # refuses a run of another format
    checkpoints = Checkpoints(directory / "checkpoints")
    found = checkpoints.newest(print_text, evaluated=True)
    if found is None:
        raise ValueError(f"{directory} must hold a checkpoint, got none.")
    for branch in branches:
        saved = arrays.read_subtree(found[1] / "state", branch)
        if saved:
            break
    leaves, treedef = jax.tree_util.tree_flatten_with_path(template)
    wanted = {arrays.path_names(path): leaf for path, leaf in leaves}
    unlike = [
        f"{'.'.join((branch, *names))}: {_describe(saved.get(names))} in the run, "
        f"{_describe(wanted.get(names))} wanted"
        for names in sorted(saved.keys() | wanted.keys())
        if _describe(saved.get(names)) != _describe(wanted.get(names))
    ]
    if unlike:
        raise ValueError(
            f"the parameters of {directory} are those of another model "
            f"({'; '.join(unlike)})."
        )
    values = [_place_like(saved[names], leaf) for names, leaf in wanted.items()]
    return jax.tree.unflatten(treedef, values)


def with_params_of(directory: Path, state: Any) -> Any:
    """Replaces the branch `params` of a state by the parameters of a run.

    Args:
      directory: the run directory.
      state: a dict or a NamedTuple.

    Returns:
      The state with the run's parameters.

    Raises:
      ValueError: as `read_params`, or if the state has no branch `params`.
    """
    if isinstance(state, dict) and "params" in state:
        return {**state, "params": read_params(directory, state["params"])}
    if isinstance(state, tuple) and "params" in getattr(state, "_fields", ()):
        named: Any = state
        return named._replace(params=read_params(directory, named.params))
    raise ValueError(
        f"the parameters of {directory} cannot be used here: the state of this "
        "experiment has no branch of that name."
    )


def _describe(leaf: Any) -> str:
    if leaf is None:
        return "nothing"
    return f"{jnp.result_type(leaf)}{list(jnp.shape(leaf))}"


def _place_like(value: Any, leaf: Any) -> Any:
    return jax.device_put(value, leaf.sharding if isinstance(leaf, jax.Array) else None)
