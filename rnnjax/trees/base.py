"""A cell over trees: one node, as pure functions."""

from collections.abc import Callable
from typing import Any, NamedTuple

from rnnjax.base import Array, Carry, Params


class TreeCell(NamedTuple):
    """One node of a tree, computed from its children and its own inputs.

    Attributes:
      init: `(key, input_size) -> params`.
      initial_carry: `(params, batch_shape=()) -> carry`, the carry of an absent child;
        every leaf starts with the batch shape.
      project: `(params, inputs) -> drive`, everything that depends only on the inputs,
        computed for all nodes at once.
      combine: `(params, children, children_mask, drive) -> (carry, outputs)`, from the
        carries of the children `[..., max_children, ...]`; a child is present where
        `children_mask` `[..., max_children]` is true.
      max_children: the largest number of children of a node; None: any.
    """

    init: Callable[..., Params]
    initial_carry: Callable[..., Carry]
    project: Callable[[Params, Any], Any]
    combine: Callable[[Params, Carry, Array, Any], tuple[Carry, Any]]
    max_children: int | None = None

    def step(
        self, params: Params, children: Carry, children_mask: Array, inputs: Any
    ) -> tuple[Carry, Any]:
        """Computes one node, or a batch of nodes of any shape.

        Args:
          params: the cell's parameters.
          children: `[..., max_children, ...]`, the children's carries; the initial
            carry for an absent child.
          children_mask: `[..., max_children]` bool, true where there is a child.
          inputs: `[..., input_size]`, the node's own.

        Returns:
          The node's carry and outputs.
        """
        drive = self.project(params, inputs)
        return self.combine(params, children, children_mask, drive)
