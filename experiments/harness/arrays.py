"""The arrays of a checkpoint, written and read by Orbax."""

import contextlib
import logging
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.harness import files

SLACK = 128 * 1024  # for what Orbax writes beside the arrays, in a dozen files


def write_arrays(directory: Path, state: Any) -> None:
    """Writes a state.

    Args:
      directory: a directory that does not exist yet, in one that does.
      state: tree of arrays, typed keys among them.

    Raises:
      OSError: if the disk is too full.
    """
    # If the disk fills up during a write, Orbax prints tracebacks from all its threads,
    # so the room is checked before.
    num_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(_without_keys(state)))
    files.reserve(directory.with_name("room"), num_bytes + num_bytes // 16 + SLACK)
    with _checkpointer() as checkpointer:
        checkpointer.save(directory.absolute(), {"state": _without_keys(state)})


def read_arrays(directory: Path, template: Any) -> Any:
    """Reads a state.

    Args:
      directory: what `write_arrays` has written.
      template: a state of the same structure, shapes and dtypes; its shardings are
        those of the state returned.

    Returns:
      The state.
    """
    target = {"state": _without_keys(template)}
    with _checkpointer() as checkpointer:
        state = checkpointer.restore(directory.absolute(), target)["state"]

    def revive(leaf, like):
        if is_key(like):
            return jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(like))
        return leaf

    return jax.tree.map(revive, state, template)


def read_subtree(directory: Path, name: str) -> dict[tuple[str, ...], Any]:
    """Reads the arrays of one branch of a state, whatever the others are.

    They are read into the host's memory, so the devices of the run need not exist here.

    Args:
      directory: what `write_arrays` has written.
      name: the branch: a key or a field of the state, or several with dots between,
        each one of the branch before.

    Returns:
      The arrays by the names of the keys on their path within the branch.
    """
    with _checkpointer() as checkpointer:
        metadata = checkpointer.metadata(directory.absolute()).item_metadata
        on_host = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), metadata)
        state = checkpointer.restore(directory.absolute(), dict(on_host))["state"]
    branch = {"": state}
    for key in ("", *name.split(".")):
        branch = branch.get(key, {}) if isinstance(branch, dict) else {}
    leaves = jax.tree_util.tree_leaves_with_path(branch)
    return {path_names(path): leaf for path, leaf in leaves}


def path_names(path: Any) -> tuple[str, ...]:
    """Names the keys of a path in a tree, whatever containers they belong to."""
    return tuple(jax.tree_util.keystr((key,), simple=True) for key in path)


def describe_arrays(state: Any) -> dict[str, str]:
    """Describes every leaf, such as `float32[3, 4]`, by its path in the tree."""
    return {
        jax.tree_util.keystr(path): f"{jnp.result_type(leaf)}{list(jnp.shape(leaf))}"
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }


def is_key(leaf: Any) -> bool:
    """Says whether a leaf is an array of typed keys."""
    return jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.prng_key)


def _without_keys(state: Any) -> Any:
    """Replaces typed keys by their data, which every version of Orbax takes."""
    return jax.tree.map(
        lambda leaf: jax.random.key_data(leaf) if is_key(leaf) else leaf, state
    )


@contextlib.contextmanager
def _checkpointer():
    """Enters Orbax's synchronous checkpointer; it takes any tree but a bare array."""
    # Imported when needed, as it is slow to import and `--help` should be fast.
    import orbax.checkpoint as ocp

    # Errors come as exceptions; its threads need not log them too.
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            yield checkpointer
    finally:
        logger.setLevel(level)
