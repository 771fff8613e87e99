"""Cells by name, for flags."""

from collections.abc import Callable

import jax

from rnnjax import Cell, elman
from rnnjax.catalogue import cell_catalogue
from rnnjax.initializers import smart_tanh


def cell_makers() -> dict[str, Callable[[int], Cell]]:
    """Returns `hidden_size -> Cell` by the name of the maker: "elman", "lstm", "gru".

    These are the cells of the catalogue that read vectors. Where a maker has several
    entries, the first has the maker's name and the others their call, such as
    "gru(H, reset_after=False)". There are also `elman_normal` and `elman_smart`.
    """
    makers: dict[str, Callable[[int], Cell]] = {
        "elman_normal": elman_normal,
        "elman_smart": elman_smart,
    }
    for entry in cell_catalogue():
        if not entry.space:
            name = entry.call.partition("(")[0]
            makers[entry.call if name in makers else name] = entry.make
    return makers


def elman_normal(hidden_size: int) -> Cell:
    """Makes the "basic tanh" of Pascanu et al. 2013: all weights from N(0, 0.1²)."""
    normal = jax.nn.initializers.normal(0.1)
    return elman(hidden_size, kernel_init=normal, recurrent_kernel_init=normal)


def elman_smart(hidden_size: int) -> Cell:
    """Makes the "smart tanh" of Pascanu et al. 2013.

    Each unit has 15 recurrent weights, with a spectral radius of 0.95; the others are
    from N(0, 0.01²). The recurrent kernel of `elman` starts orthogonal instead.
    """
    return elman(
        hidden_size,
        kernel_init=jax.nn.initializers.normal(0.01),
        recurrent_kernel_init=smart_tanh(),
    )
