"""Weights from and to PyTorch."""

import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import bidirectional, elman, gru, lstm, recurrent, stack
from rnnjax.cells.lstm_projected import lstm_projected
from rnnjax.convert import from_pytorch, to_pytorch
from rnnjax.convert.onnx_read import from_onnx
from tests.convert.exchange import INPUTS, D, H, draw_params, message_of
from tests.pytrees import assert_close, assert_same_bits

P = 4
SIZES = {elman: (H,), gru: (H,), lstm: (H,), lstm_projected: (H, P)}
EVERY_KIND = [
    pytest.param(maker, both, use_bias, id=f"{maker.__name__}-{both=}-{use_bias=}")
    for maker in SIZES
    for both in (False, True)
    for use_bias in (False, True)
]


def two_layers(maker, both, use_bias=True):
    cell = maker(*SIZES[maker], use_bias=use_bias)
    layer = bidirectional(cell) if both else recurrent(cell)
    return stack(layer, layer)


@pytest.mark.parametrize(("maker", "both", "use_bias"), EVERY_KIND)
def test_round_trip(maker, both, use_bias):
    params = draw_params(two_layers(maker, both, use_bias))
    assert_same_bits(from_pytorch(to_pytorch(params, maker), maker), params)


def test_two_biases_are_added_but_for_a_candidates():
    rng = np.random.default_rng(0)
    state_dict = to_pytorch(draw_params(stack(recurrent(gru(H)))), gru)
    b_ih, b_hh = rng.normal(size=(2, 3 * H)).astype(np.float32)
    state_dict |= {"bias_ih_l0": b_ih, "bias_hh_l0": b_hh}
    (params,) = from_pytorch(state_dict, gru)
    assert_same_bits(params["bias"][: 2 * H], (b_ih + b_hh)[: 2 * H])
    assert_same_bits(params["bias"][2 * H :], b_ih[2 * H :])
    assert_same_bits(params["candidate_bias"], b_hh[2 * H :])


class Tensor:
    """What is asked of a PyTorch tensor of bfloat16, which NumPy cannot read."""

    dtype = "torch.bfloat16"

    def __init__(self, array, steps=()):
        self.array, self.shape, self.steps = array, array.shape, steps

    def detach(self):
        return Tensor(self.array, (*self.steps, "detach"))

    def cpu(self):
        return Tensor(self.array, (*self.steps, "cpu"))

    def float(self):
        assert self.steps == ("detach", "cpu")
        return self.array.astype(np.float32)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Got unsupported ScalarType BFloat16")


def test_bfloat16_is_kept():
    params = draw_params(two_layers(gru, True), dtype=jnp.bfloat16)
    tensors = {name: Tensor(x) for name, x in to_pytorch(params, gru).items()}
    assert_same_bits(from_pytorch(tensors, gru), params)


PREFIXES = {
    "a module within a model": ("encoder.rnn.", "encoder.rnn."),
    "without the point": ("encoder.rnn.", "encoder.rnn"),
    "DataParallel": ("module.", ""),
    "DataParallel, named": ("module.", "module."),
    "within DataParallel": ("module.encoder.rnn.", "encoder.rnn"),
    "compiled": ("_orig_mod.module.encoder.rnn.", "module.encoder.rnn."),
}


@pytest.mark.parametrize(("written", "given"), PREFIXES.values(), ids=PREFIXES)
def test_prefixes_of_names(written, given):
    params = draw_params(two_layers(lstm, True))
    state_dict = {f"{written}{x}": w for x, w in to_pytorch(params, lstm).items()}
    if "encoder" in written:
        state_dict |= {f"{written[:-1]}_norm.weight": 1, "decoder.weight_ih_l0": 2}
    assert_same_bits(from_pytorch(state_dict, lstm, prefix=given), params)


def test_other_prefixes_are_refused_with_those_there_are():
    weights = to_pytorch(draw_params(two_layers(lstm, False)), lstm)
    state_dict = {"head.weight": 1}
    for prefix in ("encoder.rnn", "decoder"):
        state_dict |= {f"{prefix}.{name}": x for name, x in weights.items()}
    for prefix in ("", "encoder", "decoder.weight"):
        assert message_of(from_pytorch, state_dict, lstm, prefix=prefix) == (
            "prefix must be one of 'decoder', 'encoder.rnn', the modules in state_dict "
            f"that have recurrent weights, got {prefix!r}."
        )


@pytest.mark.parametrize("maker", [elman, gru, lstm])
def test_cells_are_read(maker):
    params = draw_params(stack(recurrent(maker(H))))
    weights = {x.removesuffix("_l0"): w for x, w in to_pytorch(params, maker).items()}
    assert sorted(weights) == ["bias_hh", "bias_ih", "weight_hh", "weight_ih"]
    assert_same_bits(from_pytorch(weights, maker), params)
    within = {f"cell.{name}": weight for name, weight in weights.items()}
    assert_same_bits(from_pytorch(within, maker, prefix="cell"), params)


def test_bad_state_dicts():
    state_dict = to_pytorch(draw_params(two_layers(lstm, True)), lstm)
    narrow = state_dict | {"weight_hh_l1": np.ones((15, H))}
    assert message_of(from_pytorch, narrow, lstm) == (
        "state_dict['weight_hh_l1'] must be [20, 5], got [15, 5]."
    )
    more = state_dict | {"weight_hr_l0": np.ones((4, 5))}
    assert "no names but weight_ih_l0, weight_hh_l0, bias_ih_l0" in message_of(
        from_pytorch, more, lstm
    )
    del state_dict["bias_hh_l1_reverse"]
    assert message_of(from_pytorch, state_dict, lstm).startswith(
        "state_dict must have bias_hh_l1_reverse, got bias_hh_l0, "
    )
    assert message_of(from_pytorch, {}, lstm) == (
        "state_dict must have weight_ih_l0, got nothing."
    )
    assert message_of(from_pytorch, state_dict, recurrent) == (
        "maker must be elman or gru or lstm or lstm_projected, got recurrent."
    )


def test_bad_params():
    params = draw_params(two_layers(lstm, True))
    del params[1]["backward"]["kernel"]
    assert message_of(to_pytorch, params, lstm) == (
        "params[1]['backward'] must have kernel, got bias, recurrent_kernel."
    )
    assert message_of(to_pytorch, (), lstm) == (
        "params must be those of at least one layer, got none."
    )


def test_a_projection_takes_a_maker_of_its_own():
    cells = {maker: recurrent(maker(*SIZES[maker])) for maker in (lstm, lstm_projected)}
    plain, projected = (draw_params(stack(cell)) for cell in cells.values())
    assert message_of(to_pytorch, projected, lstm) == (
        "params[0] must have no names but bias, kernel, recurrent_kernel, "
        "got projection_kernel too."
    )
    assert message_of(to_pytorch, plain, lstm_projected) == (
        "params[0] must have projection_kernel, got bias, kernel, recurrent_kernel."
    )
    state_dict = to_pytorch(plain, lstm)
    assert message_of(from_pytorch, state_dict, lstm_projected) == (
        "state_dict must have weight_hr_l0, got bias_hh_l0, bias_ih_l0, weight_hh_l0, "
        "weight_ih_l0."
    )


def test_layers_that_make_no_module():
    one, both = (recurrent(lstm(H)), bidirectional(lstm(H)))
    assert message_of(to_pytorch, draw_params(stack(both, one)), lstm).startswith(
        "state_dict must have weight_ih_l1_reverse, got "
    )
    unlike = stack(recurrent(lstm(H)), recurrent(lstm(H + 1)))
    assert message_of(to_pytorch, draw_params(unlike), lstm) == (
        "state_dict['weight_ih_l1'] must be [20, 5], got [24, 5]."
    )


@pytest.mark.conformance
@pytest.mark.filterwarnings("ignore")  # PyTorch's, of its own exporter
@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("LSTM", {"num_layers": 2, "bidirectional": True}),
        ("GRU", {"num_layers": 2}),
        ("RNN", {"nonlinearity": "relu", "bidirectional": True, "bias": False}),
    ],
)
def test_models_exported_to_onnx_equal_the_module(tmp_path, module, options):
    torch = pytest.importorskip("torch")
    module = getattr(torch.nn, module)(D, H, **options)
    inputs, path = torch.from_numpy(INPUTS), tmp_path / "model.onnx"
    torch.onnx.export(module, (torch.ones_like(inputs),), path, dynamo=False)
    with torch.no_grad():
        want = module(inputs)[0].numpy()
    nodes = from_onnx(path)
    assert len(nodes) == options.get("num_layers", 1)
    layer = stack(*[node.layer for node in nodes])
    _, got = layer.apply(tuple(node.params for node in nodes), None, INPUTS)
    assert_close(np.asarray(got), want, 1e-6)
