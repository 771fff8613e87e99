"""All cells of the library: names, papers, equations, sizes."""

from collections.abc import Iterator

from rnnjax.catalogue.cells import CELLS
from rnnjax.catalogue.entry import CatalogueEntry, entry

__all__ = ["CatalogueEntry", "cell_catalogue", "entry", "table"]


def cell_catalogue() -> tuple[CatalogueEntry, ...]:
    """Lists all cells of the library.

    Returns:
      One entry per cell, families together.

    Example:
      >>> entry = {entry.name: entry for entry in cell_catalogue()}["LSTM"]
      >>> entry.paper
      'Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997'
      >>> print(entry.equations.splitlines()[-1])
      hₜ = oₜ ∘ tanh(cₜ)
      >>> entry.num_weights(input_size=3, hidden_size=5)
      180
    """
    return CELLS


def table() -> Iterator[str]:
    """Yields the lines of a Markdown table of all cells."""
    yield "| cell | made by | weights at 100 inputs, H = 100 | from |"
    yield "|---|---|---|---|"
    for cell in cell_catalogue():
        number = f"{cell.num_weights(cell.input_size(100), 100):,}"
        yield f"| {cell.name} | `{cell.call}` | {number} | {cell.paper} |"
