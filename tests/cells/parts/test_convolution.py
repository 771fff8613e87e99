"""Shape-preserving convolutions against a loop over positions."""

import numpy as np
import pytest

from rnnjax.cells.parts.convolution import convolve
from tests.cells.convolution import convolve as convolve_in_numpy
from tests.pytrees import assert_close


@pytest.mark.parametrize(
    ("spatial_shape", "kernel_shape"),
    [((7,), (4,)), ((4, 5), (3, 2)), ((2, 3, 4),) * 2],
)
def test_equals_a_loop_over_positions(x64, spatial_shape, kernel_shape):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 1, *spatial_shape, 3))
    kernel = rng.normal(size=(*kernel_shape, 3, 5))
    want = convolve_in_numpy(inputs, kernel)
    assert_close(convolve(inputs, kernel, spatial_shape=spatial_shape), want, 1e-13)


def test_other_spatial_axes_are_refused():
    with pytest.raises(ValueError, match=r"inputs must end in the axes \(4, 3\), got"):
        convolve(np.ones((5, 3)), np.ones((2, 3, 1)), spatial_shape=(4,))
