"""All cells of the library: names, papers, equations, sizes."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from rnnjax.base import Cell
from rnnjax.cells.antisymmetric import (
    antisymmetric_rnn,
    antisymmetric_rnn_step,
    gated_antisymmetric_rnn_step,
)
from rnnjax.cells.clockwork import clockwork, clockwork_step
from rnnjax.cells.continuous import ctrnn, ctrnn_step, leaky, leaky_step
from rnnjax.cells.cornn import cornn, cornn_step
from rnnjax.cells.elman import elman, elman_step
from rnnjax.cells.elman_variants import (
    elman_before_activation,
    elman_before_activation_step,
    elman_with_output,
    elman_with_output_step,
    irnn,
)
from rnnjax.cells.fast_weights import fast_weights, fast_weights_step
from rnnjax.cells.gru import gru, gru_reset_before_step, gru_step
from rnnjax.cells.gru_convolutional import gru_convolutional, gru_convolutional_step
from rnnjax.cells.gru_layer_norm import gru_layer_norm, gru_layer_norm_step
from rnnjax.cells.higher_order import higher_order, higher_order_step
from rnnjax.cells.highway import recurrent_highway, recurrent_highway_step
from rnnjax.cells.indrnn import indrnn, indrnn_step
from rnnjax.cells.janet import janet, janet_step
from rnnjax.cells.jordan import jordan, jordan_forced_step, jordan_step
from rnnjax.cells.linear import linear_system, linear_system_step
from rnnjax.cells.lru import lru, lru_step
from rnnjax.cells.lstm import lstm, lstm_step
from rnnjax.cells.lstm_convolutional import lstm_convolutional, lstm_convolutional_step
from rnnjax.cells.lstm_full_gate import lstm_full_gate, lstm_full_gate_step
from rnnjax.cells.lstm_layer_norm import lstm_layer_norm, lstm_layer_norm_step
from rnnjax.cells.lstm_multiplicative import (
    lstm_multiplicative,
    lstm_multiplicative_step,
)
from rnnjax.cells.lstm_projected import lstm_projected, lstm_projected_step
from rnnjax.cells.lstm_variants import lstm_variant, lstm_variant_step
from rnnjax.cells.ltc import ltc, ltc_step
from rnnjax.cells.mgu import mgu, mgu_step, ugrnn, ugrnn_step
from rnnjax.cells.minimal import min_gru, min_gru_step, min_lstm, min_lstm_step
from rnnjax.cells.multiplicative import (
    multiplicative_rnn,
    multiplicative_rnn_step,
    tensor_rnn,
    tensor_rnn_step,
)
from rnnjax.cells.mut import mut1, mut1_step, mut2, mut2_step, mut3, mut3_step
from rnnjax.cells.orthogonal import orthogonal_rnn, orthogonal_rnn_step
from rnnjax.cells.parts.parametrizations import cayley_transform, householder_product
from rnnjax.cells.qrnn import qrnn, qrnn_step
from rnnjax.cells.rg_lru import rg_lru, rg_lru_step
from rnnjax.cells.s4d import s4d, s4d_step
from rnnjax.cells.slstm import slstm, slstm_step
from rnnjax.cells.sru import sru, sru_step
from rnnjax.cells.unitary import unitary_rnn, unitary_rnn_step
from rnnjax.cells.wrappers.multiplicative_integration import (
    multiplicative_integration,
    multiplicative_integration_step,
)
from rnnjax.engines.hoisted import hoisted
from rnnjax.engines.remat import remat
from rnnjax.engines.scan import scan


class CatalogueEntry(NamedTuple):
    """What is known of a cell.

    Attributes:
      name: as the field calls it.
      call: the maker and its options, such as "gru(reset_after=False)".
      make: `(hidden_size, **changes) -> Cell`, with its other options as usual.
      step: the public function that holds the equations.
      maker: the function that makes it.
      options: the arguments by which the maker departs from its defaults.
      step_options: what the step takes beside those options.
      input_size: what `init` is given for inputs of 3 features, where a number will
        not do.
      source: the paper, where it is not the first among the references of the step.
    """

    name: str
    call: str
    make: Callable[..., Cell]
    step: Callable[..., Any]
    maker: Callable[..., Cell]
    options: dict[str, Any] = {}
    step_options: dict[str, Any] = {}
    input_size: Any = None
    source: str | None = None

    @property
    def equations(self) -> str:
        """The equations, a line each, as in the docstring of the step."""
        blocks = re.findall(
            r"(?:^ {4,}.*\n)+", _summary(self.step) + "\n", re.MULTILINE
        )
        return inspect.cleandoc("\n" + "".join(blocks))

    @property
    def paper(self) -> str:
        """The work it is from: the first among the references of the step."""
        if self.source is not None:
            return self.source
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
        return self.make(8).factors is not None

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


def _entry(
    name, step, maker, *sizes, input_size=None, source=None, step_options=(), **options
):
    """Makes an entry of a maker that is called with the hidden size, sizes, options."""
    arguments = ["H", *map(_written, sizes)]
    arguments += [f"{key}={_written(value)}" for key, value in options.items()]
    of_sizes = inspect.signature(maker).bind(0, *sizes).arguments
    given = dict(list(of_sizes.items())[1:]) | options
    return CatalogueEntry(
        name,
        f"{maker.__name__}({', '.join(arguments)})",
        lambda hidden_size, **changes: maker(hidden_size, **(given | changes)),
        step,
        maker,
        given,
        dict(step_options),
        input_size,
        source,
    )


ODYSSEY = (
    'Greff et al., "LSTM: A Search Space Odyssey", IEEE Transactions on Neural '
    "Networks and Learning Systems 2017"
)


def _written(value):
    return value.__name__ if callable(value) else repr(value)


ENTRIES = (
    _entry("simple recurrent network", elman_step, elman),
    _entry(
        "IRNN, identity start",
        elman_step,
        irnn,
        step_options={"activation": "relu"},
        source='Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent Networks '
        'of Rectified Linear Units", 2015',
    ),
    _entry(
        "simple, carried before f",
        elman_before_activation_step,
        elman_before_activation,
    ),
    _entry(
        "simple, short-cut to the output", elman_with_output_step, elman_with_output, 10
    ),
    _entry("simple, of order 3", higher_order_step, higher_order, 3),
    _entry("Jordan network", jordan_step, jordan, 10),
    _entry(
        "Jordan network, taught",
        jordan_forced_step,
        jordan,
        10,
        teacher_forcing=True,
    ),
    _entry("linear system", linear_system_step, linear_system, 10),
    _entry("LRU", lru_step, lru),
    _entry("RG-LRU", rg_lru_step, rg_lru),
    _entry("S4D", s4d_step, s4d),
    _entry("LSTM", lstm_step, lstm),
    _entry("LSTM of 1997", lstm_variant_step, lstm_variant, gates="io"),
    _entry(
        "LSTM, peepholes",
        lstm_variant_step,
        lstm_variant,
        peepholes="ifo",
        source='Gers and Schmidhuber, "Recurrent Nets that Time and Count", IJCNN 2000',
    ),
    _entry(
        "LSTM, coupled gates",
        lstm_variant_step,
        lstm_variant,
        gates="io",
        coupled=True,
        source=ODYSSEY,
    ),
    _entry(
        "LSTM, full gate recurrence",
        lstm_full_gate_step,
        lstm_full_gate,
        source=ODYSSEY,
    ),
    _entry("LSTMP, projection", lstm_projected_step, lstm_projected, 50),
    _entry("LSTM, layer norm", lstm_layer_norm_step, lstm_layer_norm),
    _entry("multiplicative LSTM", lstm_multiplicative_step, lstm_multiplicative),
    _entry(
        "convolutional LSTM",
        lstm_convolutional_step,
        lstm_convolutional,
        (8, 8),
        (3, 3),
        input_size=(8, 8, 100),
    ),
    _entry("sLSTM, exponential gates", slstm_step, slstm),
    _entry("JANET", janet_step, janet),
    _entry("minLSTM", min_lstm_step, min_lstm),
    _entry("GRU, reset after the product", gru_step, gru),
    _entry(
        "GRU, reset before the product", gru_reset_before_step, gru, reset_after=False
    ),
    _entry("GRU, layer norm", gru_layer_norm_step, gru_layer_norm),
    _entry(
        "convolutional GRU",
        gru_convolutional_step,
        gru_convolutional,
        (8, 8),
        (3, 3),
        input_size=(8, 8, 100),
    ),
    _entry("MGU", mgu_step, mgu),
    _entry("UGRNN", ugrnn_step, ugrnn),
    _entry("MUT1", mut1_step, mut1),
    _entry("MUT2", mut2_step, mut2),
    _entry("MUT3", mut3_step, mut3),
    _entry("minGRU", min_gru_step, min_gru),
    _entry("multiplicative RNN", multiplicative_rnn_step, multiplicative_rnn),
    _entry("second-order RNN", tensor_rnn_step, tensor_rnn),
    CatalogueEntry(
        "multiplicative integration",
        "multiplicative_integration(elman(H, use_bias=False))",
        lambda size, **changes: multiplicative_integration(
            elman(size, use_bias=False), **changes
        ),
        multiplicative_integration_step,
        multiplicative_integration,
    ),
    _entry("orthogonal RNN, exponential map", orthogonal_rnn_step, orthogonal_rnn),
    CatalogueEntry(
        "orthogonal RNN, Cayley transform",
        "orthogonal_rnn(H, parametrization=cayley_transform(H // 2))",
        lambda size, **changes: orthogonal_rnn(
            size, parametrization=cayley_transform(size // 2), **changes
        ),
        orthogonal_rnn_step,
        orthogonal_rnn,
        source='Helfrich, Willmott and Ye, "Orthogonal Recurrent Neural Networks with '
        'Scaled Cayley Transform", ICML 2018',
    ),
    CatalogueEntry(
        "orthogonal RNN, Householder",
        "orthogonal_rnn(H, parametrization=householder_product(H))",
        lambda size, **changes: orthogonal_rnn(
            size, parametrization=householder_product(size), **changes
        ),
        orthogonal_rnn_step,
        orthogonal_rnn,
        source='Mhammedi, Hellicar, Rahman and Bailey, "Efficient Orthogonal '
        "Parametrisation of Recurrent Neural Networks Using Householder "
        'Reflections", ICML 2017',
    ),
    _entry("unitary RNN", unitary_rnn_step, unitary_rnn),
    _entry("antisymmetric RNN", antisymmetric_rnn_step, antisymmetric_rnn),
    _entry(
        "antisymmetric RNN, gated",
        gated_antisymmetric_rnn_step,
        antisymmetric_rnn,
        gated=True,
    ),
    _entry("coRNN", cornn_step, cornn),
    _entry("IndRNN", indrnn_step, indrnn),
    _entry("SRU", sru_step, sru),
    _entry("QRNN", qrnn_step, qrnn, window=2),
    _entry("clockwork RNN", clockwork_step, clockwork, (1, 2, 4, 8)),
    _entry("leaky integrators", leaky_step, leaky),
    _entry("CTRNN, continuous time", ctrnn_step, ctrnn),
    _entry("liquid time constants", ltc_step, ltc),
    _entry("recurrent highway, 3 deep", recurrent_highway_step, recurrent_highway),
    _entry("fast weights", fast_weights_step, fast_weights),
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
