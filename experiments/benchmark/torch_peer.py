"""PyTorch as a contender."""

import numpy as np
import torch

from experiments.benchmark.work import (
    LEARNING_RATE,
    MOMENTUM,
    PRODUCT_SIZE,
    Case,
    Program,
    count_cores,
    make_data,
)

MODULES = {"elman": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def module(case: Case) -> Program:
    """Loads a recurrent module of PyTorch, with as many threads as cores."""
    torch.set_num_threads(count_cores())
    torch.manual_seed(case.seed)
    if case.work == "product":
        square = torch.randn(PRODUCT_SIZE, PRODUCT_SIZE)
        return Program(lambda: torch.matmul(square, square), dict)
    data = make_data(case)
    peer = MODULES[case.cell](case.shape.size, case.shape.size)
    _copy_weights(peer, data.weights)
    inputs = torch.from_numpy(data.inputs).requires_grad_(case.work == "gradient")
    cotangents = torch.from_numpy(data.cotangents)
    params = dict(peer.named_parameters())
    optimizer = torch.optim.SGD(params.values(), LEARNING_RATE, MOMENTUM)

    def forward():
        with torch.no_grad():
            return peer(inputs)[0]

    def gradient():
        loss = (peer(inputs)[0] * cotangents).sum()
        return torch.autograd.grad(loss, [*params.values(), inputs])

    def train():
        optimizer.zero_grad()
        (peer(inputs)[0] * cotangents).sum().backward()
        optimizer.step()

    def results():
        found = {"outputs": forward().numpy()}
        if case.work == "gradient":
            *gradients, by_input = gradient()
            found["gradient of inputs"] = by_input.numpy()
        elif case.work == "train":
            train()
            state = optimizer.state
            gradients = [state[p]["momentum_buffer"] for p in params.values()]
        else:
            return found
        return found | _named(case.cell, dict(zip(params, gradients)))

    call = {"forward": forward, "gradient": gradient, "train": train}[case.work]
    return Program(call, results)


def _copy_weights(peer, weights):
    """Copies weights; PyTorch has two biases where the others have one."""
    recurrent_bias = np.zeros_like(weights["bias"])
    if "candidate_bias" in weights:
        recurrent_bias[-len(weights["candidate_bias"]) :] = weights["candidate_bias"]
    copies = {
        "weight_ih_l0": weights["kernel"].T,
        "weight_hh_l0": weights["recurrent_kernel"].T,
        "bias_ih_l0": weights["bias"],
        "bias_hh_l0": recurrent_bias,
    }
    with torch.no_grad():
        for name, value in copies.items():
            getattr(peer, name).copy_(torch.from_numpy(value))


def _named(cell, gradients):
    """Gives the gradients the names that all contenders share."""
    found = {
        "gradient of kernel": gradients["weight_ih_l0"].T.numpy(),
        "gradient of recurrent_kernel": gradients["weight_hh_l0"].T.numpy(),
        "gradient of bias": gradients["bias_ih_l0"].numpy(),
    }
    if cell == "gru":
        size = gradients["bias_hh_l0"].shape[0] // 3
        found["gradient of candidate_bias"] = gradients["bias_hh_l0"][-size:].numpy()
    return found
