"""PyTorch's RNN, LSTM and GRU with copied weights: outputs, carries, all gradients."""

import operator

import jax
import numpy as np
import pytest

from rnnjax import elman, gru, lengths_to_mask, lstm
from rnnjax.cells.lstm import LSTMCarry
from tests.cases import CellCase
from tests.programs import program
from tests.pytrees import assert_close
from tests.registry import ENGINES

T, B, D, H = 7, 3, 2, 5
CELLS = {
    "rnn_tanh": (elman(H), 1),
    "rnn_relu": (elman(H, activation=jax.nn.relu), 1),
    "lstm": (lstm(H), 4),
    "gru": (gru(H), 3),
}
TOLERANCES = {np.float32: 1e-5, np.float64: 1e-11}

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def make_peer(torch, name, dtype):
    options = {"dtype": torch.float64 if dtype == np.float64 else torch.float32}
    if name.startswith("rnn"):
        return torch.nn.RNN(D, H, nonlinearity=name.removeprefix("rnn_"), **options)
    return {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[name](D, H, **options)


def copy_weights(torch, peer, params):
    """Gives a peer our weights; it has two biases where we have one."""
    recurrent_bias = np.zeros_like(params["bias"])
    if "candidate_bias" in params:
        recurrent_bias[2 * H :] = params["candidate_bias"]
    copies = {
        "weight_ih_l0": params["kernel"].T,
        "weight_hh_l0": params["recurrent_kernel"].T,
        "bias_ih_l0": params["bias"],
        "bias_hh_l0": recurrent_bias,
    }
    with torch.no_grad():
        for name, value in copies.items():
            getattr(peer, name).copy_(torch.tensor(value))


def gradients(peer, params):
    """Returns a peer's gradients under our names."""
    grads = {name: weight.grad.numpy() for name, weight in peer.named_parameters()}
    named = {
        "kernel": grads["weight_ih_l0"].T,
        "recurrent_kernel": grads["weight_hh_l0"].T,
        "bias": grads["bias_ih_l0"],
    }
    if "candidate_bias" in params:
        named["candidate_bias"] = grads["bias_hh_l0"][2 * H :]
    return named


def draw(rng, name, num_gates, dtype):
    """Draws parameters, inputs, leaves of the carry, and weights for all results."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    params = {
        "bias": normal(num_gates * H),
        "kernel": normal(D, num_gates * H),
        "recurrent_kernel": normal(H, num_gates * H) / 2,
    }
    if name == "gru":
        params["candidate_bias"] = normal(H)
    carry = 2 if name == "lstm" else 1, B, H
    return params, normal(T, B, D), normal(*carry), normal(*carry), normal(T, B, H)


def run_peer(torch, peer, inputs, carry, lengths, carry_weights, weights):
    """Runs a peer over packed sequences; gives values and gradients."""
    inputs = torch.tensor(inputs, requires_grad=True)
    carry = [torch.tensor(x[None], requires_grad=True) for x in carry]
    packing = torch.nn.utils.rnn
    packed = packing.pack_padded_sequence(inputs, lengths, enforce_sorted=False)
    outputs, last = peer(packed, carry[0] if len(carry) == 1 else tuple(carry))
    outputs, _ = packing.pad_packed_sequence(outputs, total_length=T)
    last = [last] if len(carry) == 1 else list(last)
    weights = [torch.tensor(weights), *torch.tensor(carry_weights[:, None])]
    torch.autograd.backward([outputs, *last], weights)
    return (
        [x[0].detach().numpy() for x in last],
        outputs.detach().numpy(),
        [x.grad[0].numpy() for x in carry],
        inputs.grad.numpy(),
    )


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("engine_case", ENGINES, ids=lambda case: case.name)
def test_equals_pytorch(torch, engine_case, name, dtype):
    cell, num_gates = CELLS[name]
    peer = make_peer(torch, name, dtype)
    as_carry = (lambda x: LSTMCarry(*x)) if name == "lstm" else operator.itemgetter(0)
    with jax.enable_x64(dtype == np.float64):
        run = program(CellCase(name, lambda: cell), engine_case)
        for seed in range(3):
            rng = np.random.default_rng(seed)
            params, inputs, carry, *weights = draw(rng, name, num_gates, dtype)
            lengths = rng.permutation([1, T, rng.integers(2, T)])
            copy_weights(torch, peer, params)
            peer.zero_grad()
            want = run_peer(torch, peer, inputs, carry, lengths, *weights)
            mask = np.asarray(lengths_to_mask(lengths, T))
            carry, weights[0] = as_carry(carry), as_carry(weights[0])
            got = run(params, carry, inputs, mask, None, tuple(weights))
            params_grad, carry_grad, (inputs_grad,) = got.grads
            got = jax.tree.leaves(got.carry), got.outputs, carry_grad, inputs_grad
            assert_close(got, want, TOLERANCES[dtype])
            want_grads = jax.tree.leaves(gradients(peer, params))
            assert_close(params_grad, want_grads, TOLERANCES[dtype])
