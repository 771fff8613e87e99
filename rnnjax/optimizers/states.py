"""The states of single transformations in the state of a chain."""

from typing import Any, TypeVar

import jax

State = TypeVar("State")


def states_of(kind: type[State], opt_state: Any) -> list[State]:
    """Returns all states of a kind, at any depth, in the order of the chain."""
    leaves = jax.tree.leaves(opt_state, is_leaf=lambda node: isinstance(node, kind))
    return [leaf for leaf in leaves if isinstance(leaf, kind)]


def state_of(kind: type[State], opt_state: Any) -> State:
    """Returns the one state of a kind.

    Raises:
      ValueError: if there is none or more than one.
    """
    states = states_of(kind, opt_state)
    if len(states) != 1:
        raise ValueError(
            f"opt_state must hold one {kind.__name__}, got {len(states)} of them."
        )
    return states[0]
