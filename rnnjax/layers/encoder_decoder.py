"""Encoder and decoder: one sequence in, another one out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from rnnjax.attention.memory import Memory, bind_any_memory, bind_memory, reads_memory
from rnnjax.base import Array, Carry, Layer, Params, cached, serializable
from rnnjax.layers.bridges import Bridge
from rnnjax.layers.copying import bind_source, copies_source
from rnnjax.layers.stack import abstract_inputs


@serializable
class Encoded(NamedTuple):
    """What an encoder hands to a decoder.

    Attributes:
      memory: the rows that the decoder may attend to.
      last: the carry of the encoder's layers when all is read.
      copied: `[S, ...batch]`, the tokens of the rows in the decoder's numbers, for one
        that copies them.
    """

    memory: Memory
    last: Carry
    copied: Array


class EncoderDecoder(NamedTuple):
    """An encoder and a decoder as pure functions, time first.

    Attributes:
      init: `(key, source_size, target_size) -> params`, a dict of `encoder`, `bridge`
        and `decoder`; the sizes are those of the vocabularies, or the widths of
        vectors.
      encode: `(params, source, *, mask=None, copied=None, key=None) -> Encoded`, of
        tokens `[S, ...batch]` and a bool mask, true at real ones. `copied` are the same
        tokens in the decoder's numbers; None: both number them alike.
      begin: `(params, encoded) -> (decoder_params, carry)`, what `decoder` takes, and
        with it `generate` and `beam_search`. Memory and source are bound.
      apply: `(params, source, inputs, *, source_mask=None, copied=None, mask=None,
        key=None) -> outputs`: teacher forcing. `inputs` `[T, ...batch]` are the targets
        shifted by one step, behind a start symbol.
      decoder: the decoder, a causal layer.
    """

    init: Callable[..., Params]
    encode: Callable[..., Encoded]
    begin: Callable[..., tuple[Params, Carry]]
    apply: Callable[..., Any]
    decoder: Layer


@cached
def encoder_decoder(
    encoder: Layer, decoder: Layer, bridge: Bridge | None = None
) -> EncoderDecoder:
    """Makes one model of an encoder and a decoder.

        m₁ ... m_S, last = encoder(source)
        carry = bridge(last)
        outputs = decoder(carry, inputs), which may attend to m

    Which model it is, is the decoder's business: a `language_model` of plain cells
    reads the source only through the bridge (Sutskever et al.); one of cells made by
    `attend_before` or `attend_after` looks at all of it (Bahdanau et al., Luong et
    al.); one that ends in `copying` also copies its tokens (See et al.).

    Args:
      encoder: a layer of any kind, often `stack(embed(n), bidirectional(cell))`.
      decoder: a causal layer.
      bridge: `dense_bridge()`, `copy_bridge()`, or None: the decoder begins with its
        own initial carry.

    Returns:
      The model.

    Raises:
      ValueError: if the decoder is not causal; in `init`, if nothing leads from the
        encoder to the decoder, or the bridge does not fit.

    Example:
      >>> from rnnjax.layers import copy_bridge
      >>> encoder = rnnjax.stack(rnnjax.embed(4), rnnjax.recurrent(rnnjax.gru(5)))
      >>> decoder = rnnjax.layers.language_model(3, [rnnjax.gru(5)])
      >>> model = encoder_decoder(encoder, decoder, copy_bridge())
      >>> params = model.init(jax.random.key(0), 6, 3)
      >>> encoded = model.encode(params, jnp.array([1, 2, 5]))
      >>> of_decoder, carry = model.begin(params, encoded)
      >>> bool((carry[1] == encoded.last[1]).all())  # after the embeddings' ()
      True

    References:
      Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for
      Statistical Machine Translation", EMNLP 2014; Sutskever, Vinyals and Le, "Sequence
      to Sequence Learning with Neural Networks", NeurIPS 2014; Bahdanau, Cho and
      Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate",
      ICLR 2015; Luong, Pham and Manning, "Effective Approaches to Attention-based
      Neural Machine Translation", EMNLP 2015.
    """
    if decoder.step is None:
        raise ValueError("decoder must be causal, got a layer without a step.")

    def init(key, source_size, target_size):
        encoder_key, bridge_key, decoder_key = jax.random.split(key, 3)
        of_encoder = encoder.init(encoder_key, source_size)
        of_decoder = decoder.init(decoder_key, target_size)
        params = {"encoder": of_encoder, "decoder": of_decoder, "bridge": ()}
        if bridge is None:
            if not reads_memory(of_decoder):
                raise ValueError(
                    "bridge must be given, since the decoder reads no memory."
                )
            return params
        source = abstract_inputs(source_size, encoder.input_ndim)
        last, _ = jax.eval_shape(encoder.apply, of_encoder, None, source)
        carry = jax.eval_shape(decoder.initial_carry, bind_any_memory(of_decoder))
        return params | {"bridge": bridge.init(bridge_key, last, carry)}

    def encode(params, source, *, mask=None, copied=None, key=None):
        last, rows = encoder.apply(params["encoder"], None, source, mask=mask, key=key)
        return Encoded(Memory(rows, mask), last, source if copied is None else copied)

    def begin(params, encoded):
        own = params["decoder"]
        if reads_memory(own):
            own = bind_memory(own, encoded.memory)
        if copies_source(own):
            own = bind_source(own, encoded.copied)
        batch_shape = encoded.memory.values.shape[1:-1]
        carry = decoder.initial_carry(own, batch_shape)
        if bridge is None:
            return own, carry
        return own, bridge.apply(params["bridge"], encoded.last, carry, batch_shape)

    return EncoderDecoder(init, encode, begin, forced(encode, begin, decoder), decoder)


def forced(
    encode: Callable[..., Encoded],
    begin: Callable[..., tuple[Params, Carry]],
    decoder: Layer,
) -> Callable[..., Any]:
    """Makes the `apply` of an `EncoderDecoder` of its other functions."""

    def apply(
        params, source, inputs, *, source_mask=None, copied=None, mask=None, key=None
    ):
        keys = (None, None) if key is None else jax.random.split(key)
        encoded = encode(params, source, mask=source_mask, copied=copied, key=keys[0])
        own, carry = begin(params, encoded)
        return decoder.apply(own, carry, inputs, mask=mask, key=keys[1])[1]

    return apply
