"""Small convolutional networks for images, to be trained from nothing."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from rnnjax.base import Array, check_positive
from rnnjax.models.patch_convolution import patch_convolution

MOST_GROUPS = 8  # of channels that are normalized together


class Convolution(NamedTuple):
    """One convolution of a network.

    Attributes:
      num_channels: channels that it makes.
      kernel_size: height and width of its kernel.
      stride: step between its places.
      pools: whether the maximum over 2 by 2 places follows.
    """

    num_channels: int
    kernel_size: int = 3
    stride: int = 1
    pools: bool = False


def vgg_like(channels: Sequence[int] = (16, 32)) -> tuple[Convolution, ...]:
    """Returns the convolutions of a small VGG: two of 3 by 3, then a pooling, per size.

    Args:
      channels: channels of each pair, from the image on.

    References:
      Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
      Recognition", ICLR 2015, whose networks have more, and dense layers after them.
    """
    return tuple(
        Convolution(number, pools=pools)
        for number in channels
        for pools in (False, True)
    )


def alexnet_like(channels: Sequence[int] = (32, 64, 96)) -> tuple[Convolution, ...]:
    """Returns the convolutions of a small AlexNet: a wide first one, which strides.

    The first is of 5 by 5 with a stride of 2 and a pooling, the second of 3 by 3 with a
    pooling, the others of 3 by 3 without.

    Args:
      channels: channels of each convolution, from the image on.

    References:
      Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional
      Neural Networks", NeurIPS 2012, whose first ones are of 11 by 11 and 5 by 5, for
      images of 224 by 224.
    """
    return tuple(
        Convolution(number, 3 if i else 5, 1 if i else 2, pools=i < 2)
        for i, number in enumerate(channels)
    )


class ImageNetwork(nnx.Module):
    """A convolutional network, from images to maps of features.

        x ← relu(norm(conv(x))), and the maximum over 2 by 2 where it pools

    The norm is that of groups of up to eight channels, over all places, so an image
    does not depend on the others of a batch.

    Attributes:
      convolutions, norms: of each convolution.
      pools: whether it pools.
      num_features: channels of the map.

    Args:
      convolutions: such as `vgg_like()`.
      num_channels: channels of the images.
      rngs: the parameters are drawn from its stream `params`.

    Raises:
      ValueError: if a size is not positive or there is no convolution.

    Example:
      >>> from flax import nnx
      >>> network = ImageNetwork(vgg_like((8, 12)), rngs=nnx.Rngs(0))
      >>> network(jnp.zeros((2, 20, 16, 3))).shape
      (2, 5, 4, 12)

    References:
      Wu and He, "Group Normalization", ECCV 2018.
    """

    def __init__(
        self,
        convolutions: Sequence[Convolution],
        *,
        num_channels: int = 3,
        rngs: nnx.Rngs,
    ):
        if not convolutions:
            raise ValueError("convolutions must hold one, got none.")
        check_positive(num_channels=num_channels)
        for own in convolutions:
            check_positive(**{name: getattr(own, name) for name in own._fields[:3]})
        made, norms = [], []
        for own in convolutions:
            size = (own.kernel_size, own.kernel_size)
            made.append(
                nnx.Conv(
                    num_channels,
                    own.num_channels,
                    size,
                    strides=own.stride,
                    use_bias=False,  # the norm has one
                    kernel_init=jax.nn.initializers.he_normal(),
                    conv_general_dilated=patch_convolution,
                    rngs=rngs,
                )
            )
            num_channels = own.num_channels
            num_groups = math.gcd(num_channels, MOST_GROUPS)
            norms.append(nnx.GroupNorm(num_channels, num_groups, rngs=rngs))
        self.convolutions, self.norms = nnx.List(made), nnx.List(norms)
        self.pools = tuple(own.pools for own in convolutions)
        self.num_features = num_channels

    def __call__(self, images: Array) -> Array:
        """Computes the maps of images `[B, height, width, num_channels]`.

        Returns:
          `[B, height', width', num_features]`; strides and poolings halve height and
          width, rounded up.
        """
        x = jnp.asarray(images, self.convolutions[0].kernel[...].dtype)
        for convolution, norm, pools in zip(self.convolutions, self.norms, self.pools):
            x = jax.nn.relu(norm(convolution(x)))
            if pools:
                x = nnx.max_pool(x, (2, 2), (2, 2), padding="SAME")
        return x
