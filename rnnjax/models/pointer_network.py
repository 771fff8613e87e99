"""Pointer networks as an NNX module."""

from flax import nnx
from jax import Array

from rnnjax.layers.encoder_decoder import EncoderDecoder as Functions
from rnnjax.models.encoder_decoder import EncoderDecoder


class PointerNetwork(EncoderDecoder):
    """The model of `pointer_network` as an NNX module, batch first.

    It is called, encodes and begins as an `EncoderDecoder`: the sources are elements
    `[B, S, element_size]`, the inputs numbers `[B, T]`, the logits `[B, T, S + 1]`.
    Element s has the number s + 1; 0 is the start symbol and the end symbol.

        params, carry = model.begin(model.encode(elements, mask=mask))
        start, once = jnp.zeros((1, B), int), [block_repeats(1)]
        found = beam_search(
            model.layer, params, start, S + 1, end=0, carry=carry, constraints=once, ...
        )

    Args:
      functions: what `rnnjax.layers.pointer_network` makes.
      element_size: width of an element.
      rngs: the parameters are drawn from its stream `params`; or a key.

    Example:
      >>> from rnnjax.attention import additive, attend_before
      >>> from rnnjax.layers import dense_bridge, memory_rows, pointer, pointer_network
      >>> encoder = rnnjax.bidirectional(rnnjax.gru(3))
      >>> cell = attend_before(rnnjax.gru(5), additive(4), memory_size=8)
      >>> decoder = rnnjax.stack(
      ...     memory_rows(8), rnnjax.recurrent(cell), pointer(4, 8)
      ... )
      >>> functions = pointer_network(encoder, decoder, dense_bridge())
      >>> model = PointerNetwork(functions, 2, rngs=nnx.Rngs(0))
      >>> mask = rnnjax.lengths_to_mask(jnp.array([7, 4]), 7).T
      >>> elements, inputs = jnp.ones((2, 7, 2)), jnp.array([[0, 3, 1], [0, 4, 2]])
      >>> model(elements, inputs, source_mask=mask).shape
      (2, 3, 8)
    """

    def __init__(
        self, functions: Functions, element_size: int, *, rngs: nnx.Rngs | Array
    ):
        super().__init__(functions, element_size, 1, rngs=rngs)
