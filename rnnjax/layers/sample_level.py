"""SampleRNN in two tiers: samples of sound in, logits of the next one out."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import (
    Array,
    Carry,
    Cell,
    Layer,
    cached,
    check_positive,
    serializable,
)
from rnnjax.layers.causal import check_steps
from rnnjax.layers.recurrent import as_layer
from rnnjax.layers.sample_tiers import make_tiers
from rnnjax.layers.stack import stack
from rnnjax.masking import select, zero_masked
from rnnjax.parameters import check_params


@serializable
class SampleLevelCarry(NamedTuple):
    """The carry of `sample_level`.

    Attributes:
      phase: `[...batch]` int32, samples read since a frame began, from 0 to
        `frame_size` - 1; 0 if the next sample ends one.
      last: `[...batch, W]` int32, the last samples, the latest last; -1 where there is
        none. W is the greater of `frame_size` and `context_size`.
      slow: the carry of the slow tier.
      hints: `[...batch, frame_size, hidden_size]`, what the slow tier says to the fast
        one for each sample until it runs again.
    """

    phase: Array
    last: Array
    slow: Carry
    hints: Array


def sample_level(
    cells: Sequence[Cell | Layer],
    num_levels: int,
    *,
    frame_size: int = 16,
    context_size: int | None = None,
    embedding_size: int = 16,
    hidden_size: int = 128,
    label_sizes: Sequence[int] = (),
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Layer:
    """Makes a layer from quantized samples `[T, ...]` to logits `[T, ..., num_levels]`.

    The slow tier runs once per frame of F samples, when t is a multiple of F; the fast
    one at every sample:

        hₖ      = slow(hₖ₋₁, [xₜ₋F₊₁ ... xₜ; labels]),   t = kF
        hint_i  = Uᵢ hₖ + b,                              i = 0 ... F - 1
        z       = relu([e(xₜ₋C₊₁) ... e(xₜ)] W + hintₜ₋ₖF)
        logitsₜ = V relu(K z + c) + d

    The slow tier reads levels as numbers from -1 to 1, the fast one as vectors e(x).
    Samples before the beginning are zeros to both.

    A sequence without mask, `is_first` and carry is computed with the slow tier over
    its frames and the fast one over all samples at once, as training needs it. Any
    other is read sample by sample.

    Args:
      cells: the stack of the slow tier, the one that reads the frames first; causal.
      num_levels: number of levels, such as 256.
      frame_size: F.
      context_size: C, samples that the fast tier reads; None: F.
      embedding_size: width of e(x).
      hidden_size: width of z.
      label_sizes: number of values of each label that a sequence has, such as ten
        digits and six speakers; `bind_labels` binds them.
      dtype: dtype of the parameters, apart from those of the cells.

    Returns:
      The layer; its parameters are a dict of `slow`, `hints` (U, b), `embedding`
      `[num_levels, embedding_size]`, `context_kernel` W, `inner` (K, c), `scores`
      (V, d) and `labels`, None until they are bound.

    Raises:
      ValueError: if there is no cell, one is not causal, or a size is not positive;
        when run, if there are labels and none are bound.

    Example:
      >>> layer = sample_level([rnnjax.gru(8)], 256, frame_size=4, hidden_size=8)
      >>> params = layer.init(jax.random.key(0), 256)
      >>> _, logits = layer.apply(params, None, jnp.full((9, 2), 128))
      >>> logits.shape
      (9, 2, 256)

    References:
      Mehri et al., "SampleRNN: An Unconditional End-to-End Neural Audio Generation
      Model", ICLR 2017, equations 5 to 10, with two tiers. There the tiers need not
      begin with the first sample, and labels are none.
    """
    if not cells:
        raise ValueError("cells must be at least one, got none.")
    context_size = frame_size if context_size is None else context_size
    sizes = {"num_levels": num_levels, "frame_size": frame_size}
    sizes |= {"context_size": context_size, "embedding_size": embedding_size}
    check_positive(hidden_size=hidden_size, **sizes)
    for size in label_sizes:
        check_positive(label_sizes=size)
    slow = stack(*map(as_layer, cells))
    if slow.step is None:
        raise ValueError("cells must be causal, got a layer without a step.")
    return _sample_level(
        slow,
        hidden_size=hidden_size,
        label_sizes=tuple(label_sizes),
        dtype=dtype,
        **sizes,
    )


@cached
def _sample_level(slow, *, frame_size, context_size, hidden_size, **options) -> Layer:
    width = max(frame_size, context_size)
    sizes = {"frame_size": frame_size, "context_size": context_size}
    init, frame_inputs, hints_of, logits_of = make_tiers(
        slow, hidden_size=hidden_size, **sizes, **options
    )

    def initial_carry(params, batch_shape=()):
        shape = *batch_shape, frame_size, hidden_size
        return SampleLevelCarry(
            jnp.zeros(batch_shape, jnp.int32),
            jnp.full((*batch_shape, width), -1, jnp.int32),
            slow.initial_carry(params["slow"], batch_shape),
            jnp.zeros(shape, params["hints"]["kernel"].dtype),
        )

    def step(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del key
        inputs = jnp.asarray(inputs)
        one = jax.tree.map(lambda x: jnp.asarray(x)[None], (inputs, mask, is_first))
        check_steps(one[0], one[1], one[2], 0)
        check_params(init, params, one[0], input_ndim=0)
        return advance(params, carry, inputs, mask, is_first)

    def advance(params, carry, inputs, mask, is_first):
        batch = inputs.shape
        carry = initial_carry(params, batch) if carry is None else carry
        is_real = jnp.ones(batch, bool) if mask is None else jnp.asarray(mask)
        if is_first is not None:
            carry = select(jnp.asarray(is_first), initial_carry(params, batch), carry)
        inputs = jnp.where(is_real, inputs, 0).astype(jnp.int32)
        last = jnp.concatenate([carry.last[..., 1:], inputs[..., None]], axis=-1)
        begins = is_real & (carry.phase == 0)

        def run_slow(tiers):
            state, _ = tiers
            read = frame_inputs(params, last[..., -frame_size:])
            state, shown = slow.step(params["slow"], state, read, mask=begins)
            return state, select(begins, hints_of(params, shown), tiers[1])

        slow_carry, said = jax.lax.cond(
            begins.any(), run_slow, lambda tiers: tiers, (carry.slow, carry.hints)
        )
        index = carry.phase[..., None, None]
        hint = jnp.take_along_axis(said, index, axis=-2)[..., 0, :]
        logits = logits_of(params, last[..., -context_size:], hint)
        phase = (carry.phase + 1) % frame_size
        read = SampleLevelCarry(phase, last, slow_carry, said)
        return select(is_real, read, carry), zero_masked(mask, logits)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del key
        inputs = jnp.asarray(inputs)
        check_steps(inputs, mask, is_first, 0)
        check_params(init, params, inputs, input_ndim=0)
        if carry is None and mask is None and is_first is None:
            return whole(params, inputs)

        def body(carry, step_inputs):
            return advance(params, carry, *step_inputs)

        if carry is None:
            carry = initial_carry(params, inputs.shape[1:])
        return jax.lax.scan(body, carry, (inputs, mask, is_first))

    def whole(params, inputs):
        """Runs the slow tier over frames, and the fast one over all samples."""
        num_steps, *batch = inputs.shape
        inputs = inputs.astype(jnp.int32)
        behind = jnp.full((width - 1, *batch), -1, jnp.int32)
        levels = jnp.concatenate([behind, inputs])

        def windows(size, stride):
            """Returns the last `size` samples at every `stride`-th step."""
            taps = [levels[width - size + i :][:num_steps:stride] for i in range(size)]
            return jnp.stack(taps, axis=-1)

        frames = frame_inputs(params, windows(frame_size, frame_size))
        slow_carry, shown = slow.apply(params["slow"], None, frames)
        said = hints_of(params, shown)  # [num_frames, ...batch, F, hidden_size]
        hint = jnp.moveaxis(said, -2, 1).reshape(-1, *batch, hidden_size)[:num_steps]
        logits = logits_of(params, windows(context_size, 1), hint)
        last = jnp.moveaxis(levels[num_steps - 1 :], 0, -1)
        phase = jnp.full(tuple(batch), num_steps % frame_size, jnp.int32)
        return SampleLevelCarry(phase, last, slow_carry, said[-1]), logits

    return Layer(init, initial_carry, apply, step, 0)
