"""ONNX's recurrent operators: their attributes, and the cells that compute the same."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Cell
from rnnjax.cells.elman import elman
from rnnjax.cells.gru import gru
from rnnjax.cells.lstm import lstm
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.convert.onnx_activations import clipped, onnx_activations

INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
DIRECTIONS = ("forward", "reverse", "bidirectional")


class Attributes(NamedTuple):
    """A node's attributes without its hidden size.

    Attributes:
      direction: "forward", "reverse" or "bidirectional".
      activations: names, those of the second direction after those of the first; empty:
        the operator's defaults.
      activation_alpha: in the order of the activations that take one.
      activation_beta: likewise.
      clip: bound on the input of the activations of gates and candidates; that of an
        LSTM's c is not bounded, as in ONNX Runtime. None: no bound.
      layout: 1 if the batch comes first in the file's inputs and outputs, else 0.
      input_forget: 1 if an LSTM's f is 1 - i.
      linear_before_reset: 1 if a GRU resets after the recurrent product.
    """

    direction: str = "forward"
    activations: tuple[str, ...] = ()
    activation_alpha: tuple[float, ...] = ()
    activation_beta: tuple[float, ...] = ()
    clip: float | None = None
    layout: int = 0
    input_forget: int = 0
    linear_before_reset: int = 0

    @property
    def num_directions(self) -> int:
        """Returns 2 for both directions, else 1."""
        return 1 + (self.direction == "bidirectional")

    def given(self) -> dict[str, Any]:
        """Returns those that differ from the default."""
        pairs = zip(self._fields, self, Attributes())
        return {name: value for name, value, default in pairs if value != default}


class Operator(NamedTuple):
    """One of ONNX's recurrent operators.

    Attributes:
      gates: the order of the gates in W, R and either half of B, one letter each.
      order: the order of the same gates in our parameters.
      carries: the inputs that hold the initial carry.
      activations: the defaults of one direction.
      flag: the attribute that only this operator has, if there is one.
      make: `(hidden_size, activations, attributes, **options) -> cells`, all cells
        that compute what one direction does, the simplest first.
    """

    gates: str
    order: str
    carries: tuple[str, ...]
    activations: tuple[str, ...]
    flag: str | None
    make: Callable[..., list[Cell]]


def _make_rnn(hidden_size, activations, attributes, *, peepholes, **options):
    del peepholes
    (f,) = activations
    return [elman(hidden_size, activation=clipped(f, attributes.clip), **options)]


def _make_lstm(hidden_size, activations, attributes, *, peepholes, **options):
    f, g, h = activations
    coupled = bool(attributes.input_forget)
    gates = "io" if coupled else "ifo"
    variant = lstm_variant(
        hidden_size,
        gates=gates,
        coupled=coupled,
        peepholes=gates if peepholes else "",
        clip=attributes.clip,
        gate_activation=f,
        activation=g,
        output_activation=h,
        **options,
    )
    usual = activations == (jax.nn.sigmoid, jnp.tanh, jnp.tanh)
    if usual and not (coupled or peepholes or attributes.clip):
        return [lstm(hidden_size, **options), variant]
    return [variant]


def _make_gru(hidden_size, activations, attributes, *, peepholes, **options):
    del peepholes
    f, g = (clipped(activation, attributes.clip) for activation in activations)
    reset_after = bool(attributes.linear_before_reset)
    return [
        gru(
            hidden_size,
            reset_after=reset_after,
            gate_activation=f,
            activation=g,
            **options,
        )
    ]


OPERATORS = {
    "RNN": Operator("i", "i", ("initial_h",), ("Tanh",), None, _make_rnn),
    "LSTM": Operator(
        "iofc",
        "ifco",
        ("initial_h", "initial_c"),
        ("Sigmoid", "Tanh", "Tanh"),
        "input_forget",
        _make_lstm,
    ),
    "GRU": Operator(
        "zrh",
        "rzh",
        ("initial_h",),
        ("Sigmoid", "Tanh"),
        "linear_before_reset",
        _make_gru,
    ),
}


def num_activations(operator: str, attributes: Attributes) -> int:
    """Returns how many activations a node of these attributes has."""
    return len(OPERATORS[operator].activations) * attributes.num_directions


def check_attributes(attributes: Attributes) -> None:
    """Checks all attributes except the number of activations.

    Raises:
      ValueError: if one of them has an invalid value.
    """
    if attributes.direction not in DIRECTIONS:
        raise ValueError(
            f"direction must be one of {', '.join(DIRECTIONS)}, "
            f"got {attributes.direction!r}."
        )
    for name in ("layout", "input_forget", "linear_before_reset"):
        if getattr(attributes, name) not in (0, 1):
            raise ValueError(f"{name} must be 0 or 1, got {getattr(attributes, name)}.")
    if attributes.clip is not None and not attributes.clip > 0:
        raise ValueError(f"clip must be positive, got {attributes.clip}.")


def equal_cells(
    operator: str, attributes: Attributes, hidden_size: int, **options: Any
) -> list[list[Cell]]:
    """Returns for each direction the cells that compute what a node does.

    Args:
      operator: "RNN", "LSTM" or "GRU".
      attributes: the node's, checked.
      hidden_size: width of the carry.
      **options: `peepholes`, whether an LSTM has them; `use_bias` and `dtype`.

    Raises:
      ValueError: if the number of activations is wrong, or one is not known.
    """
    expected = num_activations(operator, attributes)
    if len(attributes.activations) not in (0, expected):
        raise ValueError(
            f"activations must be {expected} for a {attributes.direction} {operator}, "
            f"got {list(attributes.activations)}."
        )
    kind = OPERATORS[operator]
    functions = onnx_activations(
        attributes.activations or kind.activations * attributes.num_directions,
        attributes.activation_alpha,
        attributes.activation_beta,
    )
    count = len(kind.activations)
    ways = [functions[i : i + count] for i in range(0, expected, count)]
    return [kind.make(hidden_size, way, attributes, **options) for way in ways]
