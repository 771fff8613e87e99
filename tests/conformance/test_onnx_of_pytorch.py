"""Models that PyTorch exports, of several layers and both directions."""

import warnings

import numpy as np
import pytest

from rnnjax import stack
from rnnjax.convert.onnx_read import from_onnx
from tests.convert.exchange import INPUTS, B, D, H, T
from tests.pytrees import assert_close

pytestmark = pytest.mark.conformance


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("LSTM", {"num_layers": 2, "bidirectional": True}),
        ("GRU", {"num_layers": 2}),
        ("RNN", {"nonlinearity": "relu", "bidirectional": True, "bias": False}),
    ],
)
def test_layers_equal_the_module(tmp_path, module, options):
    import torch

    module = getattr(torch.nn, module)(D, H, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, of its own exporter
        example = (torch.ones(T, B, D),)
        torch.onnx.export(module, example, tmp_path / "model.onnx", dynamo=False)
    inputs = INPUTS
    with torch.no_grad():
        want = module(torch.from_numpy(inputs))[0].numpy()
    nodes = from_onnx(tmp_path / "model.onnx")
    assert len(nodes) == options.get("num_layers", 1)
    layer = stack(*[node.layer for node in nodes])
    _, got = layer.apply(tuple(node.params for node in nodes), None, inputs)
    assert_close(np.asarray(got), want, 1e-6)
