"""Generation: each step reads what was drawn from the outputs of the one before."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from rnnjax.base import Array, Carry, Layer, Params, batch_shape, check_positive
from rnnjax.decoding.samplers import Sampler, as_sampler
from rnnjax.losses.densities import Density
from rnnjax.masking import check_marks, zero_masked


class Generated(NamedTuple):
    """What `generate` drew.

    Attributes:
      carry: the carry after all draws but the last, which has not been read.
      drawn: `[num_steps, ...batch, ...]`, a pytree like the prompt; zeros after the end
        of a row.
      lengths: `[...batch]` int32, number of steps drawn, the end included.
      ended: `[...batch]` bool, true for a row whose last draw was an end, or whose
        prompt had no real step.
      log_probs: `[num_steps, ...batch]`, nats, of each draw under the model; zeros
        after the end of a row. None if the sampler does not know them, see
        `without_log_probs`.
      sampled_log_probs: the same under the distribution that was drawn from, after
        temperature and filters.
    """

    carry: Carry
    drawn: Any
    lengths: Array
    ended: Array
    log_probs: Array | None
    sampled_log_probs: Array | None


def generate(
    layer: Layer,
    params: Params,
    prompt: Any,
    num_steps: int,
    key: Array,
    *,
    sampler: Sampler | Density | Callable[[Array, Any], Any],
    carry: Carry | None = None,
    end: int | Callable[[Any], Array] | None = None,
    mask: Array | None = None,
    first_step: int | Array = 0,
) -> Generated:
    """Draws a sequence step by step; what is drawn is what the next step reads.

    The padding of a prompt, which may be anywhere, has no effect: every row gives what
    it would give alone, without its padding and with the same draws. A row without a
    real step draws nothing. From its end on a row keeps its carry, and the loop does no
    more work once all rows have ended.

    Step t draws from `fold_in(key, first_step + t)`. So a sequence may be drawn in
    chunks: pass the returned carry, the last step drawn as the prompt, the same key,
    the number of steps drawn so far as `first_step` and, if rows may have ended,
    `~ended[None]` as the mask.

    Args:
      layer: a causal layer, from what is drawn to what the sampler draws from.
      params: its parameters.
      prompt: `[P, ...batch, ...]`, one array or a pytree, at least one step, read
        first.
      num_steps: number of steps to draw.
      key: the source of randomness.
      sampler: `greedy`, `sample_tokens(...)`, `sample_bernoulli(...)`,
        `sample_density(...)`, a density, or any function `(key, outputs) -> drawn`.
      carry: the carry before the prompt; None: the initial one.
      end: the token that ends a row, or a function `drawn -> [...batch]` bool of one
        step; None: rows do not end.
      mask: `[P, ...batch]` bool, true at real steps of the prompt; None if all are.
      first_step: number of steps drawn earlier with the same key.

    Returns:
      `Generated(carry, drawn, lengths, ended, log_probs, sampled_log_probs)`.

    Raises:
      ValueError: if the layer is not causal, the prompt has no step, `num_steps` is not
        positive, the sampler is not one, `end` is not a whole number or a function, or
        the mask is not bool or not of the prompt's shape.

    Example:
      >>> from rnnjax.decoding import greedy
      >>> layer = rnnjax.stack(rnnjax.one_hot(3), rnnjax.dense(3, use_bias=False))
      >>> params = ({}, {"kernel": jnp.roll(jnp.eye(3), 1, axis=1)})  # counts up
      >>> prompt, key = jnp.array([[0, 2]]), jax.random.key(0)
      >>> generated = generate(
      ...     layer, params, prompt, 4, key, sampler=greedy, end=2
      ... )
      >>> generated.drawn.T, generated.lengths
      (Array([[1, 2, 0, 0],
             [0, 1, 2, 0]], dtype=int32), Array([2, 3], dtype=int32))
    """
    prompt = jax.tree.map(jnp.asarray, prompt)
    if layer.step is None:
        raise ValueError("layer must be causal, got one without a step.")
    leaves = jax.tree.leaves(prompt)
    if not leaves or any(leaf.ndim == 0 or leaf.shape[0] == 0 for leaf in leaves):
        shapes = [leaf.shape for leaf in leaves]
        got = f"shape {shapes[0]}" if len(shapes) == 1 else f"shapes {shapes}"
        raise ValueError(f"prompt must hold a step, got {got}.")
    check_positive(num_steps=num_steps)
    batch = batch_shape(prompt, layer.input_ndim)
    check_marks("mask", mask, (leaves[0].shape[0], *batch))
    return _generate(
        layer,
        num_steps,
        params,
        prompt,
        key,
        as_sampler(sampler),
        carry,
        _as_end(end),
        mask,
        first_step,
    )


def _as_end(end):
    """Returns `drawn -> [...batch]` bool as a pytree, or None."""
    if end is None or isinstance(end, Partial):
        return end
    if callable(end):
        return Partial(end)
    if isinstance(end, bool) or not isinstance(end, int | np.integer):
        raise ValueError(f"end must be a token or a function, got {end!r}.")
    return Partial(jnp.equal, end)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _generate(
    layer, num_steps, params, prompt, key, sampler, carry, end, mask, first_step
):
    may_end = end is not None or mask is not None
    ended = jnp.zeros(batch_shape(prompt, layer.input_ndim), bool)
    if mask is not None:
        ended = ~mask.any(axis=0)
        prompt, mask = _padding_first(prompt, mask)

    def draw(random, outputs, ended):
        drawn = sampler.draw(random, outputs)
        log_prob, sampled_log_prob = (
            None if function is None else function(outputs, drawn)
            for function in (sampler.log_prob, sampler.sampled_log_prob)
        )
        step = _Step(drawn, log_prob, sampled_log_prob, ~ended)
        step = zero_masked(~ended if may_end else None, step)
        return step, ended if end is None else ended | end(drawn)

    def advance(state, random):
        carry, drawn, ended = state
        live = {"mask": ~ended} if may_end else {}
        carry, outputs = layer.step(params, carry, drawn, **live)
        step, ended = draw(random, outputs, ended)
        return (carry, step.drawn, ended), step

    def rest(state, random):
        return state, jax.tree.map(jnp.zeros_like, first)

    def body(state, random):
        if not may_end:
            return advance(state, random)
        return jax.lax.cond(state[2].all(), rest, advance, state, random)

    carry, outputs = layer.apply(params, carry, prompt, mask=mask)
    outputs = jax.tree.map(lambda x: x[-1], outputs)
    random = _random(sampler, key, first_step + jnp.arange(num_steps), outputs)
    first, ended = draw(_at(random, 0), outputs, ended)
    (carry, _, ended), others = jax.lax.scan(
        body, (carry, first.drawn, ended), _at(random, slice(1, None))
    )
    steps = jax.tree.map(lambda x, xs: jnp.concatenate([x[None], xs]), first, others)
    lengths = steps.is_real.sum(axis=0, dtype=jnp.int32)
    return Generated(
        carry, steps.drawn, lengths, ended, steps.log_prob, steps.sampled_log_prob
    )


class _Step(NamedTuple):
    drawn: Any
    log_prob: Array | None
    sampled_log_prob: Array | None
    is_real: Array


def _at(tree, index):
    return jax.tree.map(lambda x: x[index], tree)


def _random(sampler, key, steps, outputs):
    """Returns what `sampler.draw` takes at every step, stacked."""

    def of_step(step):
        step_key = jax.random.fold_in(key, step)
        return step_key if sampler.noise is None else sampler.noise(step_key, outputs)

    return jax.vmap(of_step)(steps)


def _padding_first(prompt, mask):
    """Moves the real steps of every row to its end, in their order.

    So the last output is that of a real step, and layers that count masked steps, such
    as convolutions, see the padding before the sequence.
    """
    order = jnp.argsort(mask, axis=0, stable=True)

    def move(x):
        trailing = (1,) * (x.ndim - order.ndim)
        return jnp.take_along_axis(x, order.reshape(order.shape + trailing), axis=0)

    return jax.tree.map(move, prompt), move(mask)
