"""PyTorch's own grid of recurrent modules, with our layers in cuDNN's place.

PyTorch's suite compares its modules on a CPU with those of cuDNN
(`_test_RNN_cpu_vs_cudnn` in `test/test_nn.py`): 258 configurations of two layers, each
by its outputs, the last h and c, and the gradients of the inputs, of the first h and c
and of all weights, which may be 5e-5 apart. These are the same, in the same sizes:

- RNN, LSTM, GRU, and an LSTM with projections, each with and without a bias, both
  directions, the batch axis first, contiguous arrays, lengths that vary, and lengths
  given as an array: 4 * 2**6 = 256;
- an RNN with tanh and one with relu, without any of these: 2.

Weights are taken from a module, and put back into another. Lengths are in no order. A
few configurations run on every engine.
"""

import itertools
from typing import NamedTuple

import jax
import numpy as np
import pytest

from rnnjax import bidirectional, elman, gru, lengths_to_mask, lstm, recurrent, stack
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.lstm_projected import lstm_projected
from rnnjax.convert import from_pytorch, to_pytorch
from rnnjax.models.batch_first import apply_batch_first
from tests.convert.exchange import stack_carries
from tests.every import DEFAULT_ENGINE
from tests.pytrees import assert_close
from tests.registry import ENGINES

T, B, D, H, P = 7, 6, 10, 6, 3
NUM_LAYERS = 2
LENGTHS = [5, 1, 7, 2, 5, 1]
TOLERANCES = {np.float32: 1e-5, np.float64: 1e-11}
MAKERS = {"RNN": elman, "LSTM": lstm, "GRU": gru, "LSTM projected": lstm_projected}


class Configuration(NamedTuple):
    """One of the 258."""

    module: str
    activation: str
    bias: bool
    both: bool
    batch_first: bool
    varies: bool
    contiguous: bool
    lengths_as_array: bool


GRID = [
    Configuration(module, "tanh", *options)
    for module in MAKERS
    for options in itertools.product([True, False], repeat=6)
] + [Configuration("RNN", name, *[False] * 6) for name in ("tanh", "relu")]


def program_of(configuration):
    """Returns what decides on a program: all but how arguments lie in memory."""
    return configuration._replace(contiguous=True, lengths_as_array=True)


PROGRAMS = list(dict.fromkeys(map(program_of, GRID)))
QUICK = [
    *(Configuration(module, "tanh", *[True] * 6) for module in MAKERS),
    program_of(Configuration("RNN", "relu", *[False] * 6)),
]
ON_EVERY_ENGINE = [*QUICK[:4], Configuration("RNN", "relu", *[True] * 6)]


def name_of(x):
    if not isinstance(x, Configuration):
        return x.name
    flags = zip(x._fields[2:6], x[2:6])
    return "-".join([*x[:2], *(name for name, on in flags if on)])


def test_there_are_258():
    assert len(GRID) == 258
    assert len(PROGRAMS) == 65 and set(QUICK) < set(PROGRAMS)


@pytest.mark.conformance
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(
    ("program", "engine_case"),
    [
        pytest.param(program, case, marks=() if program in QUICK else pytest.mark.slow)
        for case in ENGINES
        for program in (PROGRAMS if case.engine is DEFAULT_ENGINE else ON_EVERY_ENGINE)
    ],
    ids=name_of,
)
def test_equals_pytorch(program, engine_case, dtype):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    with jax.enable_x64(dtype == np.float64):
        run = compiled(program, engine_case.engine)
        same = [x for x in GRID if program_of(x) == program] or [program]
        for seed, configuration in enumerate(same):
            arguments = draw(configuration, seed, dtype)
            torch.manual_seed(seed)
            peer, other = (make_peer(torch, configuration, dtype) for _ in range(2))
            want = run_peer(torch, peer, configuration, *arguments)
            got = run_ours(run, peer, configuration, *arguments)
            assert_close(got, want, TOLERANCES[dtype])

            maker = MAKERS[configuration.module]
            weights = to_pytorch(from_pytorch(peer.state_dict(), maker), maker)
            other.load_state_dict(jax.tree.map(torch.from_numpy, weights))
            again = run_peer(torch, other, configuration, *arguments)
            for results in (got, again):
                assert_close(results[:2], want[:2], min(1e-6, TOLERANCES[dtype]))


def draw(configuration, seed, dtype):
    """Draws inputs, the first h and c, and what outputs and last h and c weigh."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        x = rng.normal(size=shape).astype(dtype)
        if configuration.contiguous:
            return x
        return np.stack([np.zeros_like(x), x], axis=-1)[..., 1]

    directions = 2 if configuration.both else 1
    output_size = P if configuration.module == "LSTM projected" else H
    leading = (B, T) if configuration.batch_first else (T, B)
    sizes = [output_size, H] if "LSTM" in configuration.module else [H]

    def carry():
        return [normal(NUM_LAYERS * directions, B, size) for size in sizes]

    weights = normal(*leading, directions * output_size)
    return normal(*leading, D), carry(), weights, carry()


def lengths_of(configuration):
    return np.array(LENGTHS) if configuration.lengths_as_array else LENGTHS


def make_peer(torch, configuration, dtype):
    options = {
        "num_layers": NUM_LAYERS,
        "bias": configuration.bias,
        "bidirectional": configuration.both,
        "batch_first": configuration.batch_first,
        "dtype": torch.float64 if dtype == np.float64 else torch.float32,
    }
    if configuration.module == "RNN":
        options["nonlinearity"] = configuration.activation
    if configuration.module == "LSTM projected":
        options["proj_size"] = P
    return getattr(torch.nn, configuration.module.split()[0])(D, H, **options)


def run_peer(torch, peer, configuration, inputs, first, weights, last_weights):
    """Returns outputs and the last h and c, then gradients."""
    # from_numpy, since tensor would lay what is not contiguous out anew
    inputs = torch.from_numpy(inputs).requires_grad_()
    first = [torch.from_numpy(x).requires_grad_() for x in first]
    packing, rnn = {"batch_first": configuration.batch_first}, torch.nn.utils.rnn
    fed = inputs
    if configuration.varies:
        lengths = torch.as_tensor(lengths_of(configuration))
        packed = {"enforce_sorted": False, **packing}
        fed = rnn.pack_padded_sequence(inputs, lengths, **packed)
    outputs, last = peer(fed, tuple(first) if len(first) == 2 else first[0])
    last = last if len(first) == 2 else (last,)
    if configuration.varies:
        outputs, _ = rnn.pad_packed_sequence(outputs, **packing)
    torch.autograd.backward(
        [outputs, *last], [torch.from_numpy(x) for x in (weights, *last_weights)]
    )
    return (
        outputs.detach().numpy(),
        [x.detach().numpy() for x in last],
        inputs.grad.numpy(),
        [x.grad.numpy() for x in first],
        {name: weight.grad.numpy() for name, weight in peer.named_parameters()},
    )


def run_ours(run, peer, configuration, inputs, first, weights, last_weights):
    maker = MAKERS[configuration.module]
    params = from_pytorch(peer.state_dict(), maker)
    mask = None
    if configuration.varies:
        mask = np.asarray(lengths_to_mask(lengths_of(configuration), T))
        mask = mask.T if configuration.batch_first else mask
    results, gradients = run(params, first, inputs, mask, (weights, last_weights))
    params_gradient, first_gradient, inputs_gradient = gradients
    named = to_pytorch(params_gradient, maker)
    for name in named:
        if name.startswith("bias_hh"):
            # the gradient of a sum is that of each of its terms
            shared = 2 * H if maker is gru else None
            named[name][:shared] = named[name.replace("hh", "ih")][:shared]
    return *results, inputs_gradient, first_gradient, named


def compiled(program, engine):
    """Compiles a program of values and gradients, over h and c as PyTorch has them."""
    layer = layer_of(program, engine)

    def as_carry(leaves):
        cells = [LSTMCarry(*x) if len(x) == 2 else x[0] for x in zip(*leaves)]
        pairs = zip(cells[::2], cells[1::2])
        ways = "forward", "backward"
        return tuple([dict(zip(ways, x)) for x in pairs] if program.both else cells)

    @jax.jit
    def run(params, first, inputs, mask, weights):
        def apply(params, first, inputs):
            carry = as_carry(first)
            if program.batch_first:
                given = layer, params, inputs, carry
                last, outputs = apply_batch_first(*given, mask=mask)
            else:
                last, outputs = layer.apply(params, carry, inputs, mask=mask)
            return outputs, stack_carries(last)

        results, pull = jax.vjp(apply, params, first, inputs)
        return results, pull(weights)

    return run


def layer_of(program, engine):
    maker = MAKERS[program.module]
    sizes = (H, P) if maker is lstm_projected else (H,)
    options = {"activation": program.activation} if maker is elman else {}
    cell = maker(*sizes, use_bias=program.bias, **options)
    make = bidirectional if program.both else recurrent
    return stack(*[make(cell, engine=engine)] * NUM_LAYERS)
