"""PyTorch's own grid of recurrent modules, with our layers in cuDNN's place.

PyTorch's suite compares its modules on a CPU with those of cuDNN
(`_test_RNN_cpu_vs_cudnn` in `test/test_nn.py`): 258 configurations of two layers, each
by its outputs, the last h and c, and the gradients of the inputs, of the first h and c
and of all weights, which may be 5e-5 apart. These are the same, in the same sizes:

- RNN, LSTM, GRU, and an LSTM with projections, each with and without a bias, both
  directions, the batch axis first, contiguous arrays, lengths that vary, and lengths
  given as an array: 4 * 2**6 = 256;
- an RNN with tanh and one with relu, without any of these: 2.
"""

import functools
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import bidirectional, elman, gru, lengths_to_mask, lstm, recurrent, stack
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.lstm_projected import lstm_projected
from rnnjax.convert import from_pytorch, to_pytorch
from rnnjax.models.batch_first import apply_batch_first
from tests.pytrees import assert_close

T, B, D, H, P = 7, 6, 10, 6, 3
NUM_LAYERS = 2
LENGTHS = [7, 5, 5, 2, 1, 1]
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


class Result(NamedTuple):
    """What is compared; h and c are lists, of h alone where there is no c."""

    outputs: np.ndarray
    last: list
    inputs_gradient: np.ndarray
    first_gradient: list
    weight_gradients: dict


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


def name_of(program):
    flags = zip(program._fields[2:6], program[2:6])
    return "-".join([*program[:2], *(name for name, on in flags if on)])


def test_there_are_258():
    assert len(GRID) == 258
    assert len(PROGRAMS) == 65 and set(QUICK) < set(PROGRAMS)


@pytest.mark.conformance
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(
    "program",
    [pytest.param(x, marks=() if x in QUICK else pytest.mark.slow) for x in PROGRAMS],
    ids=name_of,
)
def test_equals_pytorch(program, dtype):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    with jax.enable_x64(dtype == np.float64):
        run = compiled(program)
        for seed, configuration in enumerate(GRID):
            if program_of(configuration) == program:
                arguments = draw(configuration, seed, dtype)
                peer = make_peer(torch, configuration, seed, dtype)
                want = run_peer(torch, peer, configuration, *arguments)
                got = run_ours(run, peer, configuration, *arguments)
                assert_close(got, want, TOLERANCES[dtype])


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


def make_peer(torch, configuration, seed, dtype):
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
    torch.manual_seed(seed)
    return getattr(torch.nn, configuration.module.split()[0])(D, H, **options)


def run_peer(torch, peer, configuration, inputs, first, weights, last_weights):
    # from_numpy, since tensor would lay what is not contiguous out anew
    inputs = torch.from_numpy(inputs).requires_grad_()
    first = [torch.from_numpy(x).requires_grad_() for x in first]
    packing = {"batch_first": configuration.batch_first}
    fed = inputs
    if configuration.varies:
        lengths = torch.as_tensor(lengths_of(configuration))
        fed = torch.nn.utils.rnn.pack_padded_sequence(inputs, lengths, **packing)
    outputs, last = peer(fed, tuple(first) if len(first) == 2 else first[0])
    last = last if len(first) == 2 else (last,)
    if configuration.varies:
        outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs, **packing)
    torch.autograd.backward(
        [outputs, *last], [torch.from_numpy(x) for x in (weights, *last_weights)]
    )
    return Result(
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
    return Result(*results, inputs_gradient, first_gradient, named)


def compiled(program):
    """Compiles a program of values and gradients, over h and c as PyTorch has them."""
    layer = layer_of(program)
    directions = ("forward", "backward") if program.both else ("",)
    places = list(itertools.product(range(NUM_LAYERS), directions))

    def as_carry(leaves):
        cells = [LSTMCarry(*x) if len(x) == 2 else x[0] for x in zip(*leaves)]
        if not program.both:
            return tuple(cells)
        return tuple(
            dict(zip(directions, cells[2 * i : 2 * i + 2])) for i in range(NUM_LAYERS)
        )

    def as_leaves(carry):
        cells = [carry[i][name] if name else carry[i] for i, name in places]
        return [jnp.stack(x) for x in zip(*map(jax.tree.leaves, cells))]

    def apply(mask, params, first, inputs):
        carry = as_carry(first)
        if program.batch_first:
            last, outputs = apply_batch_first(layer, params, inputs, carry, mask=mask)
        else:
            last, outputs = layer.apply(params, carry, inputs, mask=mask)
        return outputs, as_leaves(last)

    @jax.jit
    def run(params, first, inputs, mask, weights):
        function = functools.partial(apply, mask)
        results, pull = jax.vjp(function, params, first, inputs)
        return results, pull(weights)

    return run


def layer_of(program):
    maker = MAKERS[program.module]
    sizes = (H, P) if maker is lstm_projected else (H,)
    options = {"activation": program.activation} if maker is elman else {}
    cell = maker(*sizes, use_bias=program.bias, **options)
    layer = bidirectional(cell) if program.both else recurrent(cell)
    return stack(*[layer] * NUM_LAYERS)
