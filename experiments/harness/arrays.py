"""The arrays of a checkpoint, written and read by Orbax."""

import contextlib
import logging
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

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
    # In the middle of a write Orbax meets a full disk with tracebacks of all its
    # threads, so the disk is asked before.
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
    # It takes longer to import than `--help` has to wait: not before it is needed.
    import orbax.checkpoint as ocp

    # What goes wrong comes as an exception, and need not be logged by threads before.
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            yield checkpointer
    finally:
        logger.setLevel(level)
