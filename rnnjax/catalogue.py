"""All cells of the library: names, papers, equations, sizes.

`python -m rnnjax.catalogue` prints the README's table.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from rnnjax.base import Cell
from rnnjax.cells.elman import elman, elman_step
from rnnjax.cells.gru import gru, gru_reset_before_step, gru_step
from rnnjax.cells.lstm import lstm, lstm_step
from rnnjax.engines.hoisted import hoisted
from rnnjax.engines.remat import remat
from rnnjax.engines.scan import scan


class CatalogueEntry(NamedTuple):
    """What is known of a cell.

    Attributes:
      name: as the field calls it.
      call: the maker and its options, such as "gru(reset_after=False)".
      make: `hidden_size -> Cell`, with its other options as usual.
      step: the public function that holds the equations.
      input_size: what `init` is given for inputs of 3 features, where a number will
        not do.
    """

    name: str
    call: str
    make: Callable[[int], Cell]
    step: Callable[..., Any]
    input_size: Any = None

    @property
    def equations(self) -> str:
        """The equations, a line each, as in the docstring of the step."""
        blocks = re.findall(
            r"(?:^ {4,}.*\n)+", _summary(self.step) + "\n", re.MULTILINE
        )
        return inspect.cleandoc("\n" + "".join(blocks))

    @property
    def paper(self) -> str:
        """The first work among the references of the step."""
        _, _, references = (inspect.getdoc(self.step) or "").partition("References:\n")
        words = " ".join(references.split())
        cited = re.match(r".*?\b(?:1[89]|20)\d\d\b", words)
        return cited.group() if cited else words

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines that give it exact values and gradients: all there are."""
        return tuple(engine.__name__ for engine in (scan, hoisted, remat))

    @property
    def splits(self) -> bool:
        """Whether its step is given as factors, from which `hoisted` gains."""
        return self.make(2).factors is not None

    def num_weights(self, input_size: Any, hidden_size: int) -> int:
        """Counts the numbers in the parameters.

        Args:
          input_size: what `cell.init` takes.
          hidden_size: width of the carry.

        Returns:
          The number of weights, biases included.
        """
        cell = self.make(hidden_size)
        params = jax.eval_shape(
            lambda key: cell.init(key, input_size), jax.random.key(0)
        )
        return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(params))


def cell_catalogue() -> tuple[CatalogueEntry, ...]:
    """Lists all cells of the library.

    Returns:
      An entry a cell, families together.

    Example:
      >>> entry = {entry.name: entry for entry in cell_catalogue()}["LSTM"]
      >>> entry.paper
      'Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997'
      >>> print(entry.equations.splitlines()[-1])
      hₜ = oₜ ∘ tanh(cₜ)
      >>> entry.num_weights(input_size=3, hidden_size=5)
      180
    """
    return ENTRIES


ENTRIES = (
    CatalogueEntry("simple recurrent network", "elman(H)", elman, elman_step),
    CatalogueEntry("LSTM", "lstm(H)", lstm, lstm_step),
    CatalogueEntry("GRU, reset after the product", "gru(H)", gru, gru_step),
    CatalogueEntry(
        "GRU, reset before the product",
        "gru(H, reset_after=False)",
        lambda hidden_size: gru(hidden_size, reset_after=False),
        gru_reset_before_step,
    ),
)


def _summary(step):
    return (inspect.getdoc(step) or "").partition("\nArgs:\n")[0]


def table() -> Iterator[str]:
    """Yields the lines of a table of all cells in Markdown."""
    yield "| cell | made by | weights at 100 inputs, H = 100 | from |"
    yield "|---|---|---|---|"
    for entry in cell_catalogue():
        size = entry.input_size or 100
        number = f"{entry.num_weights(size, 100):,}"
        yield f"| {entry.name} | `{entry.call}` | {number} | {entry.paper} |"


if __name__ == "__main__":
    print("\n".join(table()))
