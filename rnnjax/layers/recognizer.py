"""A recognizer: long sequences of frames in, shorter sequences of symbols out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Layer, Params, cached, check_positive
from rnnjax.decoding.ctc import ctc_greedy
from rnnjax.decoding.transducer import transducer_greedy
from rnnjax.layers.dense import dense
from rnnjax.layers.stack import stack
from rnnjax.layers.subsampling import stack_steps
from rnnjax.losses.ctc import AlignmentLoss, ctc_loss
from rnnjax.losses.emissions import pack
from rnnjax.losses.transducer import transducer_loss
from rnnjax.parameters import check_parts, part
from rnnjax.products import matmul

BLANK = 0


class Recognized(NamedTuple):
    """The symbols that a recognizer heard.

    Attributes:
      tokens: `[L, ...batch]` int32, zeros after the end.
      frames: `[L, ...batch]` int32, the step after subsampling at which each begins,
        counted from the beginning of the chunk; zeros after the end.
      lengths: `[...batch]` int32, their number.
      carry: to go on with the next frames.
    """

    tokens: Array
    frames: Array
    lengths: Array
    carry: Any


class Recognizer(NamedTuple):
    """A recognizer as pure functions, time first.

    Attributes:
      init: `(key, input_size) -> params`, a dict of `encoder`, and of `predictor` and
        `joiner` for a transducer.
      encoder: the layer over the frames after subsampling: to logits, or to what is
        joined with the prediction.
      predictor: the layer over the symbols, None without one.
      encode: `(params, inputs, carry=None, *, mask=None, key=None) -> (carry, outputs,
        mask)` of frames `[T, ...batch, input_size]`; the outputs and their mask have
        `ceil(T / subsampling)` steps.
      loss: `(params, inputs, targets, *, mask=None, target_mask=None, key=None) ->
        AlignmentLoss`, of targets `[N, ...batch]`.
      greedy: `(params, inputs, carry=None, *, mask=None) -> Recognized`. If the encoder
        is causal a sequence may be read in chunks, each but the last a multiple of
        `subsampling` long: pass each the carry of the one before.
    """

    init: Callable[..., Params]
    encoder: Layer
    predictor: Layer | None
    encode: Callable[..., tuple[Any, Array, Array | None]]
    loss: Callable[..., AlignmentLoss]
    greedy: Callable[..., Recognized]


@cached
def recognizer(
    encoder: Layer,
    num_symbols: int,
    *,
    subsampling: int = 1,
    predictor: Layer | None = None,
    joint_size: int = 64,
    max_symbols: int = 10,
) -> Recognizer:
    """Makes a recognizer, trained without alignments of frames and symbols.

    Without a prediction network the logits of each step are independent of the symbols
    before it, and the loss is that of CTC:

        logitsₜ = K encoder(x)ₜ + b

    With one it is a transducer, whose logits also depend on the u symbols before:

        logitsₜᵤ = K tanh(E encoder(x)ₜ + P predictor(y₁ ... yᵤ) + b) + c

    Symbol 0 is the blank; the predictor reads it before the first symbol.

    Args:
      encoder: a layer over vectors; causal for a recognizer of streams.
      num_symbols: number of symbols, the blank included.
      subsampling: neighbouring frames that become one step of the encoder.
      predictor: a causal layer from tokens to vectors, often `stack(embed(n),
        recurrent(cell))`; None: CTC.
      joint_size: width of what is joined, for a transducer.
      max_symbols: the most symbols that a transducer emits at a step when it decodes.

    Returns:
      The recognizer.

    Raises:
      ValueError: if a size is not positive or the predictor is not causal.

    Example:
      >>> model = recognizer(rnnjax.bidirectional(rnnjax.gru(4)), 5, subsampling=2)
      >>> params = model.init(jax.random.key(0), 3)
      >>> frames, targets = jnp.ones((7, 2, 3)), jnp.ones((2, 2), int)
      >>> loss = model.loss(params, frames, targets)
      >>> loss.nats.shape, model.encode(params, frames)[1].shape
      ((2,), (4, 2, 5))

    References:
      Graves, Fernández, Gomez and Schmidhuber, "Connectionist Temporal Classification:
      Labelling Unsegmented Sequence Data with Recurrent Neural Networks", ICML 2006;
      Graves, Mohamed and Hinton, "Speech Recognition with Deep Recurrent Neural
      Networks", ICASSP 2013, equations 16 to 20, with one tanh fewer.
    """
    check_positive(
        num_symbols=num_symbols,
        subsampling=subsampling,
        joint_size=joint_size,
        max_symbols=max_symbols,
    )
    if predictor is not None and predictor.step is None:
        raise ValueError("predictor must be causal, got a layer without a step.")
    output_size = num_symbols if predictor is None else joint_size
    reader = stack(encoder, dense(output_size))
    writer = predictor and stack(predictor, dense(joint_size, use_bias=False))

    def init(key, input_size):
        encoder_key, predictor_key, joiner_key = jax.random.split(key, 3)
        params = {"encoder": reader.init(encoder_key, subsampling * input_size)}
        if writer is not None:
            params["predictor"] = writer.init(predictor_key, num_symbols)
            params["joiner"] = dense(num_symbols).init(joiner_key, joint_size)
        return params

    def encode(params, inputs, carry=None, *, mask=None, key=None):
        inputs, mask = stack_steps(inputs, subsampling, mask)
        check_parts(params, _parts_of(writer))
        with part(params, "encoder") as own:
            carry, outputs = reader.apply(own, carry, inputs, mask=mask, key=key)
        return carry, outputs, mask

    def loss(params, inputs, targets, *, mask=None, target_mask=None, key=None):
        keys = (None, None) if key is None else jax.random.split(key)
        _, outputs, mask = encode(params, inputs, mask=mask, key=keys[0])
        if writer is None:
            return ctc_loss(
                outputs, targets, blank=BLANK, mask=mask, target_mask=target_mask
            )
        read, read_mask = _after_start(targets, target_mask)
        with part(params, "predictor") as own:
            _, predicted = writer.apply(own, None, read, mask=read_mask, key=keys[1])
        logits = join(params["joiner"], outputs[:, None], predicted[None])
        return transducer_loss(
            logits, targets, blank=BLANK, mask=mask, target_mask=target_mask
        )

    def greedy(params, inputs, carry=None, *, mask=None):
        if carry is not None and reader.step is None:
            raise ValueError("carry must be None, since the encoder is not causal.")
        carry, of_decoder = (None, None) if carry is None else carry
        carry, outputs, mask = encode(params, inputs, carry, mask=mask)
        if writer is None:
            found = ctc_greedy(outputs, blank=BLANK, mask=mask, carry=of_decoder)
            order, lengths = pack(found.starts, found.tokens)
            is_token = jnp.cumsum(jnp.ones_like(order), axis=0) <= lengths
            frames = jnp.where(is_token, order, 0).astype(jnp.int32)
            return Recognized(found.tokens, frames, found.lengths, (carry, found.carry))
        found = transducer_greedy(
            outputs,
            writer,
            join,
            (params["predictor"], params["joiner"]),
            start=BLANK,
            blank=BLANK,
            max_symbols=max_symbols,
            mask=mask,
            carry=of_decoder,
        )
        return Recognized(
            found.tokens, found.frames, found.lengths, (carry, found.carry)
        )

    return Recognizer(init, reader, writer, encode, loss, greedy)


def join(params: Params, encoded: Array, predicted: Array) -> Array:
    """Returns the logits of a transducer, K tanh(e + p) + c.

    Args:
      params: dict of `kernel` Kᵀ and `bias` c.
      encoded: `[..., joint_size]`, what is heard.
      predicted: `[..., joint_size]`, what the symbols before make probable.

    Returns:
      `[..., num_symbols]`, of the shapes' broadcast.
    """
    return matmul(jnp.tanh(encoded + predicted), params["kernel"]) + params["bias"]


def _parts_of(writer):
    return ("encoder",) if writer is None else ("encoder", "predictor", "joiner")


def _after_start(targets, target_mask):
    """Returns what the predictor reads, `[N + 1, ...batch]`, and its mask."""
    targets = jnp.asarray(targets)
    start = jnp.full((1, *targets.shape[1:]), BLANK, targets.dtype)
    read = jnp.concatenate([start, targets])
    if target_mask is None:
        return read, None
    return read, jnp.concatenate([jnp.ones_like(start, bool), target_mask])
