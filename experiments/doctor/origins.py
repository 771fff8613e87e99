"""Where the arguments of a loss's exponentials and logarithms come from.

Every value of a program has a tag, the activation or the product that it comes from.
Reshaping, masking, choosing and shifting by a maximum keep it.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.extend import core

from rnnjax.base import Array

Tag = str | None
ACTIVATIONS = ("sigmoid", "softmax", "tanh", "relu")
KEEPING = {
    "abs",
    "broadcast_in_dim",
    "concatenate",
    "convert_element_type",
    "copy",
    "copy_p",
    "dynamic_slice",
    "expand_dims",
    "gather",
    "neg",
    "optimization_barrier",
    "pad",
    "reshape",
    "rev",
    "select_n",
    "slice",
    "split",
    "squeeze",
    "stop_gradient",
    "transpose",
}
PRODUCTS = {"conv_general_dilated", "dot_general", "matmul"}


class Origins:
    """What the tags of a program have shown.

    Attributes:
      squashed: activations whose outputs a loss takes as logits.
      least_log: the least argument, at run time, of each logarithm that takes the
        outputs of a product as they are.
    """

    def __init__(self):
        self.squashed: list[str] = []
        self.least_log: list[Array] = []

    def tag(self, equation: Any, operands: list[Any], tags: list[Tag]) -> Tag:
        """Returns the tag of an equation's results, and notes what is wrong with it.

        Args:
          equation: the equation.
          operands: its operands.
          tags: a tag of each.
        """
        name = equation.primitive.name
        first = tags[0] if tags else None
        if name in ("logistic", "tanh"):
            return {"logistic": "sigmoid", "tanh": "tanh"}[name]
        if name == "max":
            is_relu = any(
                isinstance(x, core.Literal) and np.ndim(x.val) == 0 and x.val == 0
                for x in equation.invars
            )
            return "relu" if is_relu else None
        if name in KEEPING:
            return next((tag for tag in tags if tag is not None), None)
        if name == "exp":
            return f"exp of {first}" if first in ACTIVATIONS else "exp"
        if name == "div" and all(_is_exp(tag) for tag in tags):
            return "softmax"
        if name == "reduce_sum":
            return first if _is_exp(first) else None
        if name in ("mul", "div"):
            return first if jnp.ndim(operands[1]) == 0 else None
        if name == "sub":
            return first if first in ACTIVATIONS or first == "product" else None
        if name == "add":
            known = [tag for tag in tags if tag is not None]
            is_kept = len(known) == 1 and known[0] not in ACTIVATIONS
            return known[0] if is_kept else _all_products(known)
        if name in PRODUCTS:
            return None if any(map(_is_positive, tags)) else "product"
        if name in ("log", "log1p"):
            self._note_log(name, operands[0], first)
        return None

    def _note_log(self, name, operand, tag):
        if tag is not None and tag.startswith("exp of "):
            activation = tag.removeprefix("exp of ")
            if activation not in self.squashed:
                self.squashed.append(activation)
        if name == "log" and tag == "product":
            self.least_log.append(jnp.min(operand))


def _is_exp(tag: Tag) -> bool:
    return tag is not None and tag.startswith("exp")


def _is_positive(tag: Tag) -> bool:
    return _is_exp(tag) or tag in ("sigmoid", "softmax", "relu")


def _all_products(tags: list[str]) -> Tag:
    return "product" if tags and set(tags) == {"product"} else None
