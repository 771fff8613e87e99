"""The loop of a beam search, as one program."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Carry, Layer, Params
from rnnjax.decoding.carries import batch_axes, take_beams
from rnnjax.decoding.hypotheses import (
    Ended,
    Live,
    best_continuations,
    best_within_reach,
    extend,
    keep_best,
    no_hypotheses,
)
from rnnjax.decoding.limits import (
    Limits,
    Options,
    check_memory_mask,
    check_tokens,
    restrict,
)
from rnnjax.layers.pooling import last_step


class State(NamedTuple):
    """A search between two steps.

    Attributes:
      step: number of tokens decoded.
      live: the hypotheses that go on, the beams of a group next to each other.
      beams: `[K, ...batch]`, the beams that they continued.
      ended: the best that ended, of every group: leaves `[G, ...]`.
      closed: `[...batch]` bool, the rows that are finished.
      bounds: see `Beams`.
    """

    step: Array
    live: Live
    beams: Array
    ended: Ended
    closed: Array
    bounds: Array


class Outcome(NamedTuple):
    """The fields of `Beams`."""

    tokens: Array
    lengths: Array
    scores: Array
    log_probs: Array
    closed: Array
    bounds: Array
    num_run: Array


def search(
    layer: Layer,
    options: Options,
    params: Params,
    prompt: Array,
    carry: Carry | None,
    mask: Array | None,
    prefix: Array,
    vocabulary: Array | None,
    memory_mask: Array | None,
) -> Outcome:
    """Searches; see `beam_search`, which checks the arguments.

    Raises:
      ValueError: if the layer is not causal, the vocabulary does not have the width of
        the logits, a constraint leaves no token, an end symbol is not in the
        vocabulary, or the attention weights or the mask of the memory do not fit.
    """
    if layer.step is None:
        raise ValueError("layer must be causal, got one without a step.")
    carry, outputs = layer.apply(params, carry, prompt, mask=mask)
    outputs = jax.tree.map(
        lambda x: _for_every_group(last_step(x, mask), options), outputs
    )
    logits, weights = _logits_and_weights(outputs, options)
    batch, vocab_size = logits.shape[1:-1], logits.shape[-1]
    check_tokens(options, batch, vocab_size, vocabulary)
    if memory_mask is not None:
        check_memory_mask(memory_mask, weights)
        memory_mask = jnp.moveaxis(memory_mask, 0, -1)
    limits = Limits(prefix, vocabulary, memory_mask)
    advance = functools.partial(_advance, options, limits)
    axes = batch_axes(layer, params, batch)
    step_beams = jax.vmap(layer.step, in_axes=(None, 0, 0))

    def body(carry_and_state):
        carry, state = carry_and_state
        carry = take_beams(axes, carry, state.beams)
        tokens = jnp.take(state.live.tokens, state.step - 1, axis=0)
        carry, outputs = step_beams(params, carry, tokens)
        return carry, advance(state, outputs)

    def goes_on(carry_and_state):
        _, state = carry_and_state
        return (state.step < options.num_steps) & ~jnp.all(state.closed)

    state = _start(options, logits, weights)
    if mask is not None:  # a row without a prompt has no hypothesis
        begun = jnp.where(mask.any(axis=0), state.live.log_probs, -jnp.inf)
        state = state._replace(live=state.live._replace(log_probs=begun))
    state = advance(state, outputs)
    carry = jax.tree.map(
        lambda x: jnp.broadcast_to(x, (options.beam_size, *x.shape)), carry
    )
    _, state = jax.lax.while_loop(goes_on, body, (carry, state))
    return _finish(options, limits, state)


def _start(options: Options, logits: Array, weights: Array | None) -> State:
    """Returns the state before the first token: every group has one hypothesis."""
    batch, dtype = logits.shape[1:-1], jnp.promote_types(logits.dtype, jnp.float32)
    shape = (options.num_groups, *batch)
    coverage = None
    if options.coverage is not None and weights is not None:
        coverage = jnp.zeros((options.num_groups, *weights.shape[1:]), dtype)
    tokens = jnp.zeros((options.num_steps, *shape), jnp.int32)
    ended = no_hypotheses(options.num_best, options.num_steps, batch, dtype)
    return State(
        jnp.zeros((), jnp.int32),
        Live(jnp.zeros(shape, dtype), tokens, coverage),
        jnp.zeros(shape, jnp.int32),
        jax.tree.map(lambda x: _for_every_group(x, options), ended),
        jnp.zeros(batch, bool),
        jnp.full(batch, -jnp.inf, dtype),
    )


def _advance(options: Options, limits: Limits, state: State, outputs: Any) -> State:
    """Decodes one token, given what the layer shows after the last one."""
    live = state.live
    logits, weights = _logits_and_weights(outputs, options)
    if live.coverage is not None and weights is not None:
        live = live._replace(coverage=live.coverage + weights)
    log_probs = jax.nn.log_softmax(logits.astype(live.log_probs.dtype))
    log_probs = restrict(options, limits, live.tokens, state.step, log_probs)
    chosen = _choose(options, live.log_probs, log_probs)
    live = extend(live, state.step, chosen)
    step = state.step + 1
    _, beams, tokens = chosen
    ends = functools.reduce(jnp.logical_or, [tokens == end for end in options.ends])
    scores = jnp.where(ends, _score(options, limits, live, step), -jnp.inf)
    ended = _keep_best(options, state.ended, live, scores, step)
    going_on = jnp.where(ends | state.closed, -jnp.inf, live.log_probs)
    live = live._replace(log_probs=going_on)
    closed, bounds = _certify(options, state, live, ended, step)
    return State(step, live, beams, ended, closed, bounds)


def _choose(
    options: Options, live: Array, log_probs: Array
) -> tuple[Array, Array, Array]:
    """Chooses the continuations of all groups, one group after another."""
    size = options.beam_size // options.num_groups
    handicap, chosen = None, []
    of_groups = zip(_by_group(live, options), _by_group(log_probs, options))
    for group, (own_live, own_log_probs) in enumerate(of_groups):
        totals, beams, tokens = best_continuations(
            own_live, own_log_probs, size, handicap
        )
        chosen.append((totals, beams + group * len(own_live), tokens))
        if group + 1 < options.num_groups:
            taken = jax.nn.one_hot(tokens, log_probs.shape[-1], dtype=live.dtype)
            taken = jnp.where(totals[..., None] > -jnp.inf, taken, 0).sum(axis=0)
            handicap = options.diversity * taken + (0 if handicap is None else handicap)
    totals, beams, tokens = (jnp.concatenate(parts) for parts in zip(*chosen))
    return totals, beams, tokens


def _score(options: Options, limits: Limits, live: Live, length: Array) -> Array:
    """Returns the scores `[K, ...batch]` of hypotheses of a length."""
    scores = live.log_probs / options.penalty(length).astype(live.log_probs.dtype)
    if options.coverage is not None and live.coverage is not None:
        scores += options.coverage(live.coverage, limits.memory_mask)
    return scores


def _keep_best(
    options: Options, ended: Ended, live: Live, scores: Array, length: Array
) -> Ended:
    """Keeps the best of each group; see `keep_best`."""

    def keep(ended, log_probs, tokens, scores):
        return keep_best(ended, Live(log_probs, tokens, None), scores, length)

    log_probs, scores = (_by_group(x, options) for x in (live.log_probs, scores))
    tokens = _by_group(live.tokens, options, axis=1)
    return jax.vmap(keep, in_axes=(0, 0, 1, 0))(ended, log_probs, tokens, scores)


def _certify(
    options: Options, state: State, live: Live, ended: Ended, step: Array
) -> tuple[Array, Array]:
    """Finds the rows in which no live hypothesis can come among the best any more."""

    def bound(log_probs):
        return best_within_reach(log_probs, step, options.num_steps, options.penalty)

    bounds = jax.vmap(bound)(_by_group(live.log_probs, options))
    closed = state.closed | jnp.all(bounds <= ended.scores[:, -1], axis=0)
    return closed, jnp.where(state.closed, state.bounds, jnp.max(bounds, axis=0))


def _finish(options: Options, limits: Limits, state: State) -> Outcome:
    """Lets the hypotheses that were cut compete with those that ended."""
    scores = _score(options, limits, state.live, state.step)
    scores = jnp.where(state.closed, -jnp.inf, scores)
    best = _keep_best(options, state.ended, state.live, scores, state.step)
    batch = state.closed.shape
    scores, log_probs, lengths = (
        x.reshape(-1, *batch) for x in (best.scores, best.log_probs, best.lengths)
    )
    tokens = jnp.moveaxis(best.tokens, 0, 1).reshape(options.num_steps, -1, *batch)
    closing = state.closed, state.bounds, state.step
    return Outcome(tokens, lengths, scores, log_probs, *closing)


def _by_group(x: Array, options: Options, axis: int = 0) -> Array:
    """Splits the axis of the beams in two, groups and their beams."""
    return x.reshape(*x.shape[:axis], options.num_groups, -1, *x.shape[axis + 1 :])


def _logits_and_weights(outputs: Any, options: Options) -> tuple[Array, Array | None]:
    """Takes apart what the layer shows; without coverage, weights are not needed."""
    if isinstance(outputs, Mapping):
        weights = outputs["weights"] if options.coverage is not None else None
        return outputs["outputs"], weights
    if options.coverage is not None:
        raise ValueError(
            "layer must show attention weights for the coverage, got logits alone."
        )
    return outputs, None


def _for_every_group(x: Array, options: Options) -> Array:
    return jnp.broadcast_to(x, (options.num_groups, *x.shape))
