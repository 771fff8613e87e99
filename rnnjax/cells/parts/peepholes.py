"""Peepholes: gates of an LSTM that depend on its memory c."""

from collections.abc import Sequence

import jax

from rnnjax.base import Array, Params
from rnnjax.initializers import Initializer


def draw_peepholes(
    keys: Sequence[Array] | Array,
    gates: str,
    initializer: Initializer,
    shape: tuple[int, ...],
    dtype: jax.typing.DTypeLike,
) -> dict[str, Array]:
    """Draws `peephole_<gate>` of each of `gates`, by three keys for i, f and o."""
    return {
        f"peephole_{gate}": initializer(key, shape, dtype)
        for gate, key in zip("ifo", keys)
        if gate in gates
    }


def add_peephole(params: Params, gate: str, pre: Array, c: Array) -> Array:
    """Adds p ∘ c to the pre-activation of a gate, if `params` has its peephole."""
    name = f"peephole_{gate}"
    return pre + params[name] * c if name in params else pre
