"""`ImageNetwork` against its equations in NumPy."""

import jax
import numpy as np
import pytest
from flax import nnx

from rnnjax.models.image_network import (
    Convolution,
    ImageNetwork,
    alexnet_like,
    vgg_like,
)
from tests.pytrees import assert_close

B, HEIGHT, WIDTH = 2, 11, 14
NETWORKS = {
    "vgg": (vgg_like((2, 12)), 3, (3, 4)),
    "alexnet": (alexnet_like((3, 12, 5)), 2, (2, 2)),
}


def padded(image, size, stride, fill):
    """Pads so that places are a stride apart; what is odd is padded behind."""
    height, width = (-(-n // stride) for n in image.shape[:2])
    pads = []
    for n, number in zip(image.shape, (height, width)):
        total = max((number - 1) * stride + size - n, 0)
        pads.append((total // 2, total - total // 2))
    return np.pad(image, [*pads, (0, 0)], constant_values=fill), height, width


def convolve(image, kernel, stride):
    size = len(kernel)
    image, height, width = padded(image, size, stride, 0)
    out = np.empty((height, width, kernel.shape[-1]))
    for i in range(height):
        for j in range(width):
            top, left = i * stride, j * stride
            window = image[top : top + size, left : left + size]
            out[i, j] = np.einsum("abc,abcd->d", window, kernel)
    return out


def normalize(x, scale, bias):
    """Groups of as many channels as the greatest number of at most 8 groups leaves."""
    channels = x.shape[-1]
    num_groups = max(n for n in (1, 2, 4, 8) if channels % n == 0)
    for own in np.split(np.arange(channels), num_groups):
        group = x[..., own]
        x[..., own] = (group - group.mean()) / np.sqrt(group.var() + 1e-6)
    return x * scale + bias


def pool(x):
    x, height, width = padded(x, 2, 2, -np.inf)
    return x.reshape(height, 2, width, 2, -1).max(axis=(1, 3))


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_equal_the_equations(x64, name):
    convolutions, num_channels, shape = NETWORKS[name]
    network = ImageNetwork(convolutions, num_channels=num_channels, rngs=nnx.Rngs(0))
    rng = np.random.default_rng(0)
    drawn = jax.tree.map(lambda x: rng.normal(size=x.shape), nnx.state(network))
    nnx.update(network, drawn)
    images = rng.normal(size=(B, HEIGHT, WIDTH, num_channels))
    maps = jax.jit(network)(images)
    assert maps.shape == (B, *shape, network.num_features)
    params = jax.tree.map(np.asarray, nnx.as_pure(nnx.state(network)))
    for image, got in zip(images, maps):
        x = image
        for i, own in enumerate(convolutions):
            kernel = params["convolutions"][i]["kernel"]
            x = normalize(convolve(x, kernel, own.stride), **params["norms"][i])
            x = np.maximum(x, 0)
            if own.pools:
                x = pool(x)
        assert_close(got, x, 1e-11)


def test_kinds_are_as_published_but_smaller():
    assert vgg_like((4, 6)) == (
        Convolution(4),
        Convolution(4, pools=True),
        Convolution(6),
        Convolution(6, pools=True),
    )
    assert alexnet_like((4, 6, 7, 7)) == (
        Convolution(4, 5, 2, pools=True),
        Convolution(6, pools=True),
        Convolution(7),
        Convolution(7),
    )


def test_maps_are_of_the_dtype_of_the_weights():
    network = ImageNetwork(vgg_like((4,)), rngs=nnx.Rngs(0))
    images = np.random.default_rng(0).integers(0, 256, (1, 6, 4, 3)).astype(np.uint8)
    maps = network(images)
    assert maps.dtype == np.float32 and np.isfinite(maps).all()


@pytest.mark.parametrize(
    ("convolutions", "options", "message"),
    [
        ((), {}, "convolutions must hold one, got none"),
        ((Convolution(0),), {}, "num_channels must be a positive whole number, got 0"),
        ((Convolution(2, 0),), {}, "kernel_size must be a positive whole number"),
        ((Convolution(2, stride=0),), {}, "stride must be a positive whole number"),
        ((Convolution(2),), {"num_channels": 0}, "num_channels must be a positive"),
    ],
)
def test_bad_arguments(convolutions, options, message):
    with pytest.raises(ValueError, match=message):
        ImageNetwork(convolutions, rngs=nnx.Rngs(0), **options)
