"""Captions: the map of an image in, a sentence out."""

from rnnjax.base import Layer, cached
from rnnjax.layers.bridges import Bridge
from rnnjax.layers.draws import check_rate
from rnnjax.layers.dropout import dropout
from rnnjax.layers.encoder_decoder import EncoderDecoder, encoder_decoder
from rnnjax.layers.pooling import mean_pool


@cached
def captioner(
    decoder: Layer, bridge: Bridge | None = None, *, dropout_rate: float = 0.0
) -> EncoderDecoder:
    """Makes the model of a decoder that describes the map of an image.

        m₁ ... m_S = D(map), its places row by row
        v = the mean of m
        carry = bridge(v)
        outputs = decoder(carry, inputs), which may attend to m

    A decoder knows the image by the first step alone, by a bridge; at every step, if it
    attends by `uniform`; or looks at some places more than at others, by any other
    attention.

    Args:
      decoder: a causal layer, from tokens to logits.
      bridge: makes the first carry from v, such as `dense_bridge()`; None: the decoder
        begins with its own initial carry.
      dropout_rate: the probability of zeroing entries of the map.

    Returns:
      The model; its source are maps `[S, ...batch, feature_size]` or precomputed
      features, where one vector is a map of a single place.

    Raises:
      ValueError: if the rate is not from 0 to less than 1 or the decoder is not causal;
        in `init`, if nothing leads from the image to the decoder.

    Example:
      >>> from rnnjax.layers import dense_bridge, language_model
      >>> decoder = language_model(7, [rnnjax.lstm(5)], embedding_size=4)
      >>> model = captioner(decoder, dense_bridge())
      >>> params = model.init(jax.random.key(0), 3, 7)
      >>> features, inputs = jnp.ones((16, 2, 3)), jnp.ones((6, 2), int)
      >>> model.apply(params, features, inputs).shape
      (6, 2, 7)

    References:
      Vinyals et al., "Show and Tell: A Neural Image Caption Generator", CVPR 2015,
      where the image is read before the first word; Tanti, Gatt and Camilleri, "Where
      to put the Image in an Image Caption Generator", Natural Language Engineering
      2018, on the first carry and on every step; Xu et al., "Show, Attend and Tell",
      ICML 2015, sections 3.1.2 and 4.2, on both a first carry from the mean and
      attention.
    """
    check_rate(dropout_rate)
    drop = dropout(dropout_rate)

    def init(key, input_size):
        del key, input_size
        return ()

    def initial_carry(params, batch_shape=()):
        del params, batch_shape
        return None

    def read(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del params, carry, is_first
        _, rows = drop.apply({}, None, inputs, mask=mask, key=key)
        return mean_pool(rows, mask), rows

    return encoder_decoder(Layer(init, initial_carry, read), decoder, bridge)
