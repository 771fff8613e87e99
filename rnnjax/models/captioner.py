"""The captioner as an NNX module: an image in, a sentence out."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from rnnjax.attention.memory import Memory
from rnnjax.base import Array, Carry, Layer, Params
from rnnjax.layers.encoder_decoder import Encoded, EncoderDecoder
from rnnjax.models.image_network import ImageNetwork


class Captioner(nnx.Module):
    """The model of `captioner` behind a convolutional network, batch first.

    Training calls the module; decoding encodes once and hands the decoder over:

        params, carry = model.begin(model.encode(images))
        found = beam_search(model.layer, params, start, num_steps, carry=carry, ...)

    `generate` and `beam_search` are time first, as all that is functional.

    Attributes:
      network: the convolutional network; None: features are precomputed.
      functions: the model as functions, time first.
      params: its parameters, with an `nnx.Param` for every leaf, without those of the
        network.

    Args:
      functions: what `rnnjax.layers.captioner` makes.
      feature_size: width of the features, that of the network's map.
      vocab_size: number of tokens.
      network: reads the images; None: features are given in place of images.
      rngs: the parameters are drawn from its stream `params`.

    Raises:
      ValueError: if the map of the network has another width than `feature_size`.

    Example:
      >>> from flax import nnx
      >>> from rnnjax.attention import additive, attend_before
      >>> from rnnjax.layers import captioner, dense_bridge, language_model
      >>> from rnnjax.models.image_network import vgg_like
      >>> cell = attend_before(rnnjax.gru(6), additive(5), memory_size=12)
      >>> decoder = language_model(7, [cell], embedding_size=4)
      >>> rngs = nnx.Rngs(0)
      >>> network = ImageNetwork(vgg_like((8, 12)), rngs=rngs)
      >>> functions = captioner(decoder, dense_bridge())
      >>> model = Captioner(functions, 12, 7, network=network, rngs=rngs)
      >>> images, inputs = jnp.zeros((2, 16, 16, 3)), jnp.zeros((2, 5), int)
      >>> model(images, inputs).shape
      (2, 5, 7)

    References:
      Those of `rnnjax.layers.captioner`.
    """

    def __init__(
        self,
        functions: EncoderDecoder,
        feature_size: int,
        vocab_size: int,
        *,
        network: ImageNetwork | None = None,
        rngs: nnx.Rngs,
    ):
        if network is not None and network.num_features != feature_size:
            raise ValueError(
                f"feature_size must be {network.num_features}, as the network has it, "
                f"got {feature_size}."
            )
        self.network = network
        self.functions = functions
        params = functions.init(rngs.params(), feature_size, vocab_size)
        self.params = nnx.data(jax.tree.map(nnx.Param, params))

    @property
    def layer(self) -> Layer:
        """The decoder, for `generate` and `beam_search`."""
        return self.functions.decoder

    def __call__(
        self,
        images: Array,
        inputs: Array,
        *,
        mask: Array | None = None,
        key: Array | None = None,
    ) -> Any:
        """Predicts every word of captions from those before it and the image.

        Args:
          images: see `encode`.
          inputs: `[N, T]` tokens, the captions shifted by one step, behind a start
            symbol. N is a multiple of B: the captions of an image follow each other,
            and it is read once for all of them.
          mask: `[N, T]` bool, true at real inputs; None if all are.
          key: the source of randomness, for dropout; None: there is none.

        Returns:
          The decoder's outputs, logits `[N, T, vocab_size]` of a language model; zeros
          at masked steps.

        Raises:
          ValueError: if N is no multiple of B, or `images` are not of the rank that
            `encode` takes.
        """
        keys = (None, None) if key is None else jax.random.split(key)
        encoded = repeat(self.encode(images, key=keys[0]), len(images), len(inputs))
        params, carry = self.begin(encoded)
        mask = None if mask is None else jnp.swapaxes(jnp.asarray(mask), 0, 1)
        inputs = jnp.swapaxes(jnp.asarray(inputs), 0, 1)
        _, outputs = self.layer.apply(params, carry, inputs, mask=mask, key=keys[1])
        return jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), outputs)

    def encode(self, images: Array, *, key: Array | None = None) -> Encoded:
        """Reads images; the result is time first, the places of the map for time.

        Args:
          images: `[B, height, width, num_channels]`; without a network the features
            `[B, S, feature_size]` of S places.
          key: see the call.

        Raises:
          ValueError: if they are not of that rank.
        """
        rank = 3 if self.network is None else 4
        if jnp.ndim(images) != rank:
            what = "features of rank 3" if rank == 3 else "of rank 4"
            raise ValueError(f"images must be {what}, got shape {jnp.shape(images)}.")
        maps = jnp.asarray(images) if self.network is None else self.network(images)
        rows = jnp.swapaxes(maps.reshape(len(maps), -1, maps.shape[-1]), 0, 1)
        return self.functions.encode(nnx.as_pure(self.params), rows, key=key)

    def begin(self, encoded: Encoded) -> tuple[Params, Carry]:
        """Returns the parameters of `layer` with the map bound, and its carry."""
        return self.functions.begin(nnx.as_pure(self.params), encoded)


def repeat(encoded: Encoded, num_images: int, num_captions: int) -> Encoded:
    """Repeats what was read of each image for all of its captions.

    Args:
      encoded: what `Captioner.encode` returns.
      num_images: number of images.
      num_captions: number of captions, the same of each image.

    Returns:
      The same with a batch of captions, those of an image one after the other.

    Raises:
      ValueError: if the number of captions is no multiple of that of images.
    """
    if num_captions % num_images:
        raise ValueError(
            f"inputs must be a multiple of {num_images} captions, as many for each "
            f"image, got {num_captions}."
        )
    times = num_captions // num_images
    rows = jnp.repeat(encoded.memory.values, times, axis=1)
    last = jnp.repeat(encoded.last, times, axis=0)
    return Encoded(Memory(rows), last, encoded.copied)
