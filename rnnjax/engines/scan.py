"""The reference engine: `jax.lax.scan` of the step."""

from typing import Any

import jax

from rnnjax.base import Array, Carry, Cell, Params
from rnnjax.masking import select, zero_masked
from rnnjax.placement import place_like


def scan(
    cell: Cell,
    params: Params,
    carry: Carry,
    inputs: Any,
    *,
    mask: Array | None,
    reset: Array | None,
    reverse: bool,
) -> tuple[Carry, Any]:
    """Runs `cell` step by step; see `rnnjax.base.Engine` for the arguments.

    Takes every cell and every mode and order of differentiation. All other engines
    are tested against it. The arguments are checked by `rnnjax.unroll`, not here.

    Returns:
      The last carry and the outputs `[T, ...]`.
    """
    initial = None
    if reset is not None:
        initial = place_like(cell.initial_carry(params), carry)

    def body(carry, inputs_and_marks):
        inputs, mask, reset = inputs_and_marks
        if reset is not None:
            carry = select(reset, initial, carry)
        new_carry, outputs = cell.step(params, carry, inputs)
        if mask is not None:
            new_carry = select(mask, new_carry, carry)
        return new_carry, zero_masked(mask, outputs)

    return jax.lax.scan(body, carry, (inputs, mask, reset), reverse=reverse)
