"""Text to frames of sound: an encoder, a decoder that attends, and a bit to stop."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Cell, Layer, Params, cached, check_positive
from rnnjax.decoding.generate import generate
from rnnjax.decoding.samplers import Sampler, as_sampler
from rnnjax.layers.causal import pointwise
from rnnjax.layers.dense import dense
from rnnjax.layers.dropout import dropout
from rnnjax.layers.encoder_decoder import encoder_decoder
from rnnjax.layers.recurrent import recurrent
from rnnjax.layers.stack import stack
from rnnjax.layers.subsampling import stack_steps
from rnnjax.masking import zero_masked


class Spoken(NamedTuple):
    """What was said.

    Attributes:
      frames: `[T, ...batch, num_bands]`; zeros after the end of a row.
      lengths: `[...batch]` int32, frames of each row.
      ended: `[...batch]` bool, false for a row that the number of frames cut.
    """

    frames: Array
    lengths: Array
    ended: Array


class SpeakerFunctions(NamedTuple):
    """A speaker as pure functions, time first.

    Attributes:
      init: `(key, num_symbols) -> params`, a dict of `encoder`, `bridge` and `decoder`.
      apply: `(params, text, frames, *, text_mask=None, mask=None, key=None) ->
        (frames, stops)`, teacher forcing: every group of `num_together` frames is
        predicted from those before it and the text. Text is `[S, ...batch]` int, frames
        are `[T, ...batch, num_bands]`; the result is `[T', ...batch, num_together *
        num_bands]` and logits `[T', ...batch]`, T' = ceil(T / num_together).
      loss: the same arguments to `[...batch]`: the mean absolute error of a frame's
        bands, summed over the frames, and the cross entropy of the bits in nats, summed
        over the groups.
      speak: `(params, text, num_frames, *, text_mask=None) -> Spoken`, at most that
        number of frames, rounded up to whole groups.
      decoder: the decoder, a causal layer, over [frames of a group; stop bit].
    """

    init: Callable[..., Params]
    apply: Callable[..., tuple[Array, Array]]
    loss: Callable[..., Array]
    speak: Callable[..., Spoken]
    decoder: Layer


def speaker(
    encoder: Layer,
    cell: Cell,
    num_bands: int,
    *,
    num_together: int = 2,
    reading_sizes: Sequence[int] = (64,),
    dropout_rate: float = 0.5,
) -> SpeakerFunctions:
    """Makes a model that says a text as frames.

        m₁ ... m_S = encoder(text)
        xₜ = relu layers of the group of frames before
        hₜ = cell(hₜ₋₁, xₜ), which attends to m
        [frames of the group; stop logit]ₜ = K hₜ + b

    The first group is predicted from zeros. Narrow layers that read the frames, with
    dropout, keep the decoder from copying the frame before. The last group of a
    sequence, filled up with zeros, has a stop bit of 1. Who speaks may be said by the
    first symbol of the text.

    Args:
      encoder: reads the text, often `stack(embed(n), bidirectional(cell))`.
      cell: made by `attend_before` or `attend_after` over the encoder's outputs, with
        `location_aware` attention or a `window`, which know where they were.
      num_bands: width of a frame.
      num_together: frames that are predicted at each step.
      reading_sizes: widths of the relu layers.
      dropout_rate: probability of zeroing in these layers in training.

    Returns:
      The model.

    Raises:
      ValueError: if a size is not positive or there is no width.

    Example:
      >>> from rnnjax.attention import attend_before, location_aware
      >>> encoder = rnnjax.stack(rnnjax.embed(4), rnnjax.bidirectional(rnnjax.gru(3)))
      >>> cell = attend_before(rnnjax.gru(8), location_aware(5, 3, 2), memory_size=6)
      >>> functions = speaker(encoder, cell, num_bands=7)
      >>> params = functions.init(jax.random.key(0), 9)
      >>> functions.speak(params, jnp.array([[1], [4], [2]]), 10).frames.shape
      (10, 1, 7)

    References:
      Wang et al., "Tacotron: Towards End-to-End Speech Synthesis", Interspeech 2017,
      for groups, narrow layers and the absolute error; Shen et al., "Natural TTS
      Synthesis by Conditioning WaveNet on Mel Spectrogram Predictions", ICASSP 2018,
      for location-aware attention and the stop bit.
    """
    check_positive(num_bands=num_bands, num_together=num_together)
    if not reading_sizes:
        raise ValueError("reading_sizes must be at least one, got none.")
    return _speaker(
        encoder, cell, num_bands, num_together, tuple(reading_sizes), dropout_rate
    )


@cached
def _speaker(
    encoder, cell, num_bands, num_together, reading_sizes, dropout_rate
) -> SpeakerFunctions:
    group_size = num_together * num_bands
    reads = []
    for size in reading_sizes:
        reads += [dense(size), _relu]
        reads += [dropout(dropout_rate)] if dropout_rate else []
    decoder = stack(_without_bit, *reads, recurrent(cell), dense(group_size + 1))
    model = encoder_decoder(encoder, decoder)

    def init(key, num_symbols):
        return model.init(key, num_symbols, group_size + 1)

    def apply(params, text, frames, *, text_mask=None, mask=None, key=None):
        groups, group_mask = stack_steps(frames, num_together, mask)
        inputs = jnp.concatenate([jnp.zeros_like(groups[:1]), groups[:-1]])
        inputs = jnp.concatenate([inputs, jnp.zeros_like(inputs[..., :1])], axis=-1)
        outputs = model.apply(
            params, text, inputs, source_mask=text_mask, mask=group_mask, key=key
        )
        return outputs[..., :-1], outputs[..., -1]

    def loss(params, text, frames, *, text_mask=None, mask=None, key=None):
        frames = jnp.asarray(frames)
        if mask is None:
            mask = jnp.ones(frames.shape[:-1], bool)
        predicted, stops = apply(
            params, text, frames, text_mask=text_mask, mask=mask, key=key
        )
        groups, group_mask = stack_steps(frames, num_together, mask)
        assert group_mask is not None
        # Every band has the mark of its frame.
        marks = jnp.broadcast_to(jnp.asarray(mask)[..., None], frames.shape)
        marks, _ = stack_steps(marks.astype(groups.dtype), num_together)
        errors = jnp.abs(zero_masked(marks > 0, predicted - groups)).sum(axis=(0, -1))
        is_last = group_mask & ~jnp.concatenate(
            [group_mask[1:], jnp.zeros_like(group_mask[:1])]
        )
        nats = jax.nn.softplus(jnp.where(is_last, -stops, stops))
        return errors / num_bands + zero_masked(group_mask, nats).sum(axis=0)

    def speak(params, text, num_frames, *, text_mask=None):
        check_positive(num_frames=num_frames)
        encoded = model.encode(params, text, mask=text_mask)
        own, carry = model.begin(params, encoded)
        begin = jnp.zeros((1, *jnp.shape(text)[1:], group_size + 1))
        found = generate(
            decoder,
            own,
            begin,
            -(-num_frames // num_together),
            jax.random.key(0),  # nothing is drawn
            sampler=_take_frames,
            carry=carry,
            end=_is_end,
        )
        groups = found.drawn[..., :-1]
        frames = groups.reshape(*groups.shape[:-1], num_together, num_bands)
        frames = jnp.moveaxis(frames, -2, 1).reshape(-1, *groups.shape[1:-1], num_bands)
        return Spoken(frames, found.lengths * num_together, found.ended)

    return SpeakerFunctions(init, apply, loss, speak, decoder)


def _take(key, outputs):
    del key
    return outputs.at[..., -1].set(outputs[..., -1] > 0)


def _is_end(drawn):
    return drawn[..., -1] > 0


_take_frames: Sampler = as_sampler(_take)
_relu = pointwise(lambda key, size: {}, lambda params, x: jax.nn.relu(x))
_without_bit = pointwise(lambda key, size: {}, lambda params, x: x[..., :-1])
