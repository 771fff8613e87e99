"""Pointer networks: a set of vectors in, an order of some of them out."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.attention.memory import Memory
from rnnjax.base import Layer, cached
from rnnjax.initializers import Initializer
from rnnjax.layers.bridges import Bridge
from rnnjax.layers.encoder_decoder import EncoderDecoder, encoder_decoder, forced
from rnnjax.layers.stack import abstract_inputs, abstract_outputs


@cached
def pointer_network(
    encoder: Layer,
    decoder: Layer,
    bridge: Bridge | None = None,
    *,
    end_init: Initializer = initializers.normal(0.1),
) -> EncoderDecoder:
    """Makes a model whose decoder points at the elements that the encoder reads.

        m₁ ... m_S, last = encoder(x₁ ... x_S)
        memory = e, [m₁; x₁], ..., [m_S; x_S]
        carry = bridge(last)
        outputs = decoder(carry, inputs)

    Row 0 of the memory, e, is learned: it is read at the start, and pointed at in the
    end. So the number of element s is s + 1, both in the inputs and among the logits,
    and 0 is the prompt and the end symbol of `generate` and `beam_search`. Where no
    element may be taken twice, the decoder is made by `take_once`, or a search is given
    the constraint `block_repeats(1)`.

    Args:
      encoder: a layer of any kind that reads vectors.
      decoder: a causal layer from numbers to logits over rows, such as
        `stack(memory_rows(n), recurrent(cell), pointer(size, n))`, where n is the
        width of the encoder's outputs plus that of an element. Its cell may attend to
        the memory too, a glimpse.
      bridge: as for `encoder_decoder`.
      end_init: initializer of e.

    Returns:
      The model; its parameters have `end` beside those of `encoder_decoder`. Its
      logits are `[T, ...batch, S + 1]`, -inf at masked elements. `target_size` in
      `init` and `copied` have no effect.

    Raises:
      ValueError: in `init`, if the encoder reads no vectors; see `encoder_decoder`.

    Example:
      >>> from rnnjax.layers import dense_bridge, memory_rows, pointer
      >>> encoder = rnnjax.bidirectional(rnnjax.gru(3))
      >>> decoder = rnnjax.stack(
      ...     memory_rows(8), rnnjax.recurrent(rnnjax.gru(5)), pointer(4, 8)
      ... )
      >>> model = pointer_network(encoder, decoder, dense_bridge())
      >>> params = model.init(jax.random.key(0), 2, 1)
      >>> points = jax.random.uniform(jax.random.key(1), (7, 2))
      >>> model.apply(params, points, jnp.array([0, 3, 1])).shape
      (3, 8)

    References:
      Vinyals, Fortunato and Jaitly, "Pointer Networks", NeurIPS 2015, whose memory has
      no x; Bello et al., "Neural Combinatorial Optimization with Reinforcement
      Learning", 2017, appendix A.1, for glimpses.
    """
    inner = encoder_decoder(encoder, decoder, bridge)

    def init(key, source_size, target_size=1):
        if encoder.input_ndim != 1:
            raise ValueError(
                f"encoder must read vectors, got one of input_ndim "
                f"{encoder.input_ndim}."
            )
        key, end_key = jax.random.split(key)
        params = inner.init(key, source_size, target_size)
        inputs = abstract_inputs(source_size, encoder.input_ndim)
        rows = abstract_outputs(encoder, params["encoder"], inputs)
        size = rows.shape[-1] + source_size
        return params | {"end": end_init(end_key, (size,), rows.dtype)}

    def encode(params, source, *, mask=None, copied=None, key=None):
        source = jnp.asarray(source)
        encoded = inner.encode(params, source, mask=mask, copied=copied, key=key)
        values = encoded.memory.values
        rows = jnp.concatenate([values, source.astype(values.dtype)], axis=-1)
        end = jnp.broadcast_to(params["end"].astype(rows.dtype), (1, *rows.shape[1:]))
        if mask is not None:
            mask = jnp.concatenate([jnp.ones_like(mask[:1]), mask])
        memory = Memory(jnp.concatenate([end, rows]), mask)
        return encoded._replace(memory=memory)

    return EncoderDecoder(
        init, encode, inner.begin, forced(encode, inner.begin, decoder), decoder
    )
