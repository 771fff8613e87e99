"""`causal_convolution` against a loop over its window."""

import numpy as np
import pytest

from rnnjax.layers.convolution import causal_convolution
from tests.cells.paper import B, D, H, T, draw, initial
from tests.layers.programs import apply
from tests.pytrees import assert_close, assert_same_bits


@pytest.mark.parametrize("window", [1, 3, 10])
def test_equals_loop(x64, window):
    """A window reaches back neither beyond the sequence nor into another."""
    layer = causal_convolution(window, H)
    params, inputs = draw(layer)
    rng = np.random.default_rng(1)
    mask, is_first = rng.random((T, B)) < 0.7, rng.random((T, B)) < 0.3
    want = np.zeros((T, B, H))
    for t, b in np.argwhere(mask):
        want[t, b] = params["bias"]
        for k in range(min(window, t + 1)):
            if mask[t - k, b]:
                want[t, b] += inputs[t - k, b] @ params["kernel"][k]
            if is_first[t - k, b]:
                break
    _, got = apply(layer, params, None, inputs, mask=mask, is_first=is_first)
    assert_close(got, want, 1e-13)


def test_outputs_are_as_wide_as_inputs_unless_told():
    layer = causal_convolution(3, use_bias=False)
    params = initial(layer)
    assert {name: x.shape for name, x in params.items()} == {"kernel": (3, D, D)}
    carry, _ = apply(layer, params, None, np.ones((T, B, D), np.float32))
    assert_same_bits(carry, np.ones((2, B, D), np.float32))


@pytest.mark.parametrize("sizes", [(0, 5), (3, -1), (2.5, 5)])
def test_sizes_are_positive(sizes):
    with pytest.raises(ValueError, match="must be a positive whole number, got"):
        causal_convolution(*sizes)
