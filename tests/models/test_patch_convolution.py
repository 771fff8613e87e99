"""`patch_convolution` against XLA's convolution, and its derivative."""

import jax
import numpy as np
import pytest
from flax import nnx

from rnnjax.models.patch_convolution import patch_convolution
from tests.pytrees import assert_close


@pytest.mark.parametrize(
    ("shape", "kernel_shape", "strides"),
    [((7, 6), (3, 3), 2), ((5, 8), (2, 3), 1), ((9, 4), (3, 2), (2, 1))],
)
def test_it_is_the_convolution_of_flax(x64, shape, kernel_shape, strides):
    plain, ours = (
        nnx.Conv(
            3,
            5,
            kernel_shape,
            strides=strides,
            param_dtype=np.float64,
            rngs=nnx.Rngs(0),
            **options,
        )
        for options in ({}, {"conv_general_dilated": patch_convolution})
    )
    inputs = np.random.default_rng(0).normal(size=(2, *shape, 3))

    def gradients(module):
        graph, params = nnx.split(module)

        def loss(params, inputs):
            return (nnx.merge(graph, params)(inputs) ** 3).sum()

        return jax.value_and_grad(loss, (0, 1))(nnx.as_pure(params), inputs)

    if strides != 2:
        return assert_close(ours(inputs), plain(inputs), 1e-13)
    assert_close(*(jax.jit(gradients)(module) for module in (ours, plain)), 1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding": "VALID"}, "padding must be SAME, .* got 'VALID'"),
        (
            {"kernel_dilation": 2},
            r"without dilation and groups, got 'SAME', .*\(2, 2\)",
        ),
        ({"feature_group_count": 2}, "groups, got 'SAME', .* and 2"),
    ],
)
def test_what_it_does_not_compute(options, message):
    module = nnx.Conv(
        2,
        4,
        (3, 3),
        conv_general_dilated=patch_convolution,
        rngs=nnx.Rngs(0),
        **options,
    )
    with pytest.raises(ValueError, match=message):
        module(np.ones((1, 5, 6, 2)))
