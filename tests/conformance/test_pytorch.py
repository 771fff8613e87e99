"""PyTorch's RNN, LSTM and GRU with copied weights: outputs, carries, all gradients."""

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


def draw(rng, num_gates, dtype, candidate_bias):
    """Draws parameters, inputs, carries `[2, B, H]` and weights for all results."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    params = {
        "bias": normal(num_gates * H),
        "kernel": normal(D, num_gates * H),
        "recurrent_kernel": normal(H, num_gates * H) / 2,
    }
    if candidate_bias:
        params["candidate_bias"] = normal(H)
    return params, normal(T, B, D), normal(2, B, H), normal(2, B, H), normal(T, B, H)


def run_peer(torch, peer, inputs, carry, lengths, carry_weights, weights):
    """Runs a peer over packed sequences; gives values and gradients."""
    inputs = torch.tensor(inputs, requires_grad=True)
    carry = [torch.tensor(x[None], requires_grad=True) for x in carry]
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        inputs, lengths, enforce_sorted=False
    )
    outputs, last = peer(packed, carry[0] if len(carry) == 1 else tuple(carry))
    outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs, total_length=T)
    last = [last] if len(carry) == 1 else list(last)
    score = (outputs * torch.tensor(weights)).sum()
    for x, weight in zip(last, carry_weights):
        score = score + (x[0] * torch.tensor(weight)).sum()
    score.backward()
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
    num_leaves = 2 if name == "lstm" else 1
    with jax.enable_x64(dtype == np.float64):
        run = program(CellCase(name, lambda: cell), engine_case)
        for seed in range(3):
            rng = np.random.default_rng(seed)
            params, inputs, carry, carry_weights, weights = draw(
                rng, num_gates, dtype, name == "gru"
            )
            lengths = rng.permutation([1, T, rng.integers(2, T)])
            copy_weights(torch, peer, params)
            peer.zero_grad()
            want = run_peer(
                torch,
                peer,
                inputs,
                carry[:num_leaves],
                lengths,
                carry_weights[:num_leaves],
                weights,
            )

            def as_carry(x):
                return LSTMCarry(*x) if name == "lstm" else x[0]

            mask = np.asarray(lengths_to_mask(lengths, T))
            got = run(
                params,
                as_carry(carry),
                inputs,
                mask,
                None,
                (as_carry(carry_weights), weights),
            )
            params_grad, carry_grad, (inputs_grad,) = got.grads
            got_leaves = jax.tree.leaves(got.carry)
            tolerance = TOLERANCES[dtype]
            assert_close(
                (got_leaves, got.outputs, carry_grad, inputs_grad), want, tolerance
            )
            want_grads = jax.tree.leaves(gradients(peer, params))
            assert_close(params_grad, want_grads, tolerance)
