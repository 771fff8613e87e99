"""The translator of `translation.py` in PyTorch, with the same weights."""

from typing import Any

import numpy as np
import torch

from experiments.kit_speed.case import Contender
from rnnjax import lstm
from rnnjax.base import Params
from rnnjax.convert import to_pytorch


class Translator(torch.nn.Module):
    """An encoder and a decoder of one LSTM layer each.

    Args:
      size: width of everything.
      vocab_size: symbols of each side.
      feeds: whether the decoder attends by Luong's general form and feeds what it saw
        to its next step.
    """

    def __init__(self, size: int, vocab_size: int, feeds: bool):
        super().__init__()
        self.source_embedding = torch.nn.Embedding(vocab_size, size)
        self.target_embedding = torch.nn.Embedding(vocab_size, size)
        self.encoder = torch.nn.LSTM(size, size)
        self.feeds = feeds
        if feeds:
            self.decoder = torch.nn.LSTMCell(2 * size, size)
            self.keys = torch.nn.Linear(size, size, bias=False)
            self.join = torch.nn.Linear(2 * size, size, bias=False)
        else:
            self.decoder = torch.nn.LSTM(size, size)
        self.head = torch.nn.Linear(size, vocab_size)

    def forward(self, source: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Returns logits `[T, B, vocab_size]` for `[S, B]` and `[T, B]`."""
        rows, last = self.encoder(self.source_embedding(source))
        vectors = self.target_embedding(inputs)
        if not self.feeds:
            return self.head(self.decoder(vectors, last)[0])
        rows = rows.transpose(0, 1)
        keys = self.keys(rows)
        h, c = (x[0] for x in last)
        shown, outputs = torch.zeros_like(h), []
        for x in vectors:
            h, c = self.decoder(torch.cat([x, shown], dim=-1), (h, c))
            weights = torch.softmax(torch.bmm(keys, h[:, :, None])[:, :, 0], dim=-1)
            glimpse = torch.bmm(weights[:, None], rows)[:, 0]
            shown = torch.tanh(self.join(torch.cat([glimpse, h], dim=-1)))
            outputs.append(shown)
        return self.head(torch.stack(outputs))


def make_translator(params: Params) -> Translator:
    """Makes the translator with a copy of the weights of the library's model."""
    weights = weights_of(params)
    vocab_size, size = weights["source_embedding.weight"].shape
    model = Translator(size, vocab_size, feeds="keys.weight" in weights)
    tensors = {name: torch.from_numpy(x.copy()) for name, x in weights.items()}
    model = model.to(tensors["head.weight"].dtype)
    model.load_state_dict(tensors)
    return model


def loss_of(model: Translator, source: Any, target: Any) -> torch.Tensor:
    """Returns the nats per sequence; `target` is `[T + 1, B]`, the start first."""
    logits = model(source, target[:-1]).flatten(0, 1)
    total = torch.nn.functional.cross_entropy(
        logits, target[1:].flatten(), reduction="sum"
    )
    return total / target.shape[1]


def in_torch(
    params: Params, source: Any, target: Any, learning_rate: float
) -> Contender:
    """Makes the contender of PyTorch, on as many threads as it chooses."""
    model = make_translator(params)
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    source, target = torch.as_tensor(source), torch.as_tensor(target)

    def train():
        optimizer.zero_grad()
        loss = loss_of(model, source, target)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return train


def weights_of(params: Params) -> dict[str, np.ndarray]:
    """Returns the library's weights, or their gradients, by PyTorch's names.

    PyTorch adds a second bias, `bias_hh`, which is 0 here.
    """
    of_source, of_encoder = params["encoder"]
    of_target, of_decoder, of_head = params["decoder"]
    of_cell = of_decoder.get("cell", of_decoder)
    weights = {
        "source_embedding.weight": of_source["embedding"],
        "target_embedding.weight": of_target["embedding"],
        "head.weight": of_head["kernel"].T,
        "head.bias": of_head["bias"],
    }
    for name, own in {"encoder": of_encoder, "decoder": of_cell}.items():
        for key, weight in to_pytorch([own], lstm).items():
            # The loop over a cell has no layers to number.
            is_cell = of_cell is not of_decoder and name == "decoder"
            weights[f"{name}.{key.removesuffix('_l0') if is_cell else key}"] = weight
    if of_cell is not of_decoder:
        weights["keys.weight"] = of_decoder["attention"]["key_kernel"].T
        weights["join.weight"] = of_decoder["output_kernel"].T
    return {name: np.asarray(weight) for name, weight in weights.items()}
