"""Networks by the names of their cell and their layer."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import NamedTuple, TypeVar

import jax

from rnnjax import Cell, Layer, bidirectional, dense, elman, recurrent, residual, stack
from rnnjax.catalogue import cell_catalogue
from rnnjax.initializers import smart_tanh
from rnnjax.layers import dilated_stack

T = TypeVar("T")


def cell_makers() -> dict[str, Callable[[int], Cell]]:
    """Returns `hidden_size -> Cell` by the name of the maker: "elman", "lstm", "gru".

    All cells of the catalogue that read vectors are there; of a maker that has several
    entries, the first under its bare name, the others under their call. Beside
    `elman`, whose recurrent matrix is orthogonal at first, there are two as Pascanu et
    al. 2013 draw them: `elman_normal` ("basic tanh"), all weights from N(0, 0.1²), and
    `elman_smart` ("smart tanh"), 15 recurrent weights a unit with a spectral radius of
    0.95 and the others from N(0, 0.01²).
    """
    makers: dict[str, Callable[[int], Cell]] = {
        "elman_normal": _elman_normal,
        "elman_smart": _elman_smart,
    }
    for entry in cell_catalogue():
        if not entry.space:
            name = entry.call.partition("(")[0]
            makers[entry.call if name in makers else name] = entry.make
    return makers


def _elman_normal(hidden_size: int) -> Cell:
    normal = jax.nn.initializers.normal(0.1)
    return elman(hidden_size, kernel_init=normal, recurrent_kernel_init=normal)


def _elman_smart(hidden_size: int) -> Cell:
    return elman(
        hidden_size,
        kernel_init=jax.nn.initializers.normal(0.01),
        recurrent_kernel_init=smart_tanh(),
    )


def _stacked(*cells: Cell) -> Layer:
    return stack(*map(recurrent, cells))


def _residual(*cells: Cell) -> Layer:
    first, *others = map(recurrent, cells)
    return stack(first, *map(residual, others))


def _both_ways(*cells: Cell) -> Layer:
    return stack(*map(bidirectional, cells))


LAYERS: dict[str, Callable[..., Layer]] = {
    "stack": _stacked,
    "dilated": dilated_stack,
    "residual": _residual,
    "bidirectional": _both_ways,
}


class Network(NamedTuple):
    """A network, and what it is made of.

    Attributes:
      layer: from inputs `[T, B, input_size]` to outputs `[T, B, output_size]`.
      cell: the cell, if it is one alone; else None.
      readout: the last layer of it.
    """

    layer: Layer
    cell: Cell | None
    readout: Layer


def make_network(
    cell: str, layer: str, hidden_size: int, num_layers: int, output_size: int
) -> Network:
    """Makes a network.

    Args:
      cell: the name of a cell, see `cell_makers`.
      layer: how the cells make a layer, one of `LAYERS`.
      hidden_size: width of each cell.
      num_layers: number of cells.
      output_size: width of the outputs.

    Raises:
      ValueError: if there is no cell or no layer of that name; it tells the nearest.
    """
    made = look_up("cell", cell, cell_makers())(hidden_size)
    hidden = look_up("layer", layer, LAYERS)(*[made] * num_layers)
    readout = dense(output_size)
    is_alone = layer == "stack" and num_layers == 1
    return Network(stack(hidden, readout), made if is_alone else None, readout)


def look_up(what: str, name: str, known: Mapping[str, T]) -> T:
    """Returns what has a name; else see `check_known`."""
    check_known(what, name, known)
    return known[name]


def check_known(what: str, name: str, known: Iterable[str]) -> None:
    """Checks that a name is known.

    Raises:
      ValueError: if not; it tells the nearest names, or all if none is near.
    """
    names = list(known)
    if name not in names:
        near = get_close_matches(name, names)
        expected = " or ".join(near) or f"one of {', '.join(names)}"
        raise ValueError(f"{what} must be {expected}, got {name!r}.")
