"""Beam search in one program, in Python over a batch, and sentence by sentence.

Over a batch, NumPy does the bookkeeping; the network's step, its log-softmax and the
reordering of its carry are one compiled program. Sentence by sentence, only the step of
the network is compiled, over the hypotheses of one sentence, which are a list in
Python. Both search as `beam_search` does, without its early stop; the models are drawn
at random and never end early, so all contenders run all steps. The bare steps are the
network's alone, without any search.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.kit_speed.case import Case, Contender
from rnnjax import dense, embed, lstm, recurrent, stack
from rnnjax.base import Layer
from rnnjax.decoding.beam_search import beam_search
from rnnjax.decoding.carries import batch_axes, take_beams

BATCH_SIZE, BEAM_SIZE, HIDDEN_SIZE, END = 32, 5, 512, 0


def make_contenders(vocab_size: int, num_steps: int) -> dict[str, Contender]:
    """Makes the ways to search for the best sequences of an LSTM decoder.

    Args:
      vocab_size: number of tokens.
      num_steps: the most tokens of a sequence, which all reach.

    Returns:
      The contenders; each but the bare steps returns the log-probabilities
      `[BATCH_SIZE]` of the best sequences.
    """
    layer = stack(embed(HIDDEN_SIZE), recurrent(lstm(HIDDEN_SIZE)), dense(vocab_size))
    params = layer.init(jax.random.key(0), vocab_size)
    params[-1]["kernel"] *= 4  # logits as far apart as those of a trained network
    params[-1]["bias"] = params[-1]["bias"].at[END].set(-20.0)
    prompt = np.arange(BATCH_SIZE)[None] % vocab_size
    step, plain_step = compile_step(layer), jax.jit(layer.apply)
    start = jnp.asarray(prompt)

    def in_one_program():
        found = beam_search(
            layer, params, start, num_steps, beam_size=BEAM_SIZE, end=END
        )
        return np.asarray(found.log_probs[0])

    def batched():
        return search_in_numpy(step, layer, params, prompt, num_steps)

    def one_by_one():
        return np.array(
            [
                search_sentence(plain_step, layer, params, token, num_steps)
                for token in prompt[0]
            ]
        )

    return {
        "beam_search": in_one_program,
        "Python, batched": batched,
        "Python, sentence by sentence": one_by_one,
        "bare steps": bare_steps(layer, params, num_steps),
    }


def compile_step(layer: Layer) -> Callable[..., tuple[Any, Any]]:
    """Compiles `(params, carry, beams, tokens) -> (carry, log_probs)` of one step.

    Args:
      layer: the decoder.

    Returns:
      The step, whose carry has leaves `[K, B, ...]`; beams and tokens are `[K, B]`.
    """

    @jax.jit
    def step(params, carry, beams, tokens):
        carry = take_beams(batch_axes(layer, params), carry, beams)
        carry, logits = jax.vmap(functools.partial(layer.apply, params))(
            carry, tokens[:, None]
        )
        return carry, jax.nn.log_softmax(logits[:, 0])

    return step


def search_in_numpy(
    step: Callable[..., tuple[Any, Any]],
    layer: Layer,
    params: Any,
    prompt: np.ndarray,
    num_steps: int,
) -> np.ndarray:
    """Searches with a loop in Python; returns the best log-probabilities `[B]`."""
    _, batch_size = prompt.shape
    carry = layer.initial_carry(params, (batch_size,))
    carry = jax.tree.map(lambda x: jnp.stack([x] * BEAM_SIZE), carry)
    tokens = np.repeat(prompt, BEAM_SIZE, axis=0)
    beams = np.zeros_like(tokens)
    live = np.full((batch_size, BEAM_SIZE), -np.inf, np.float32)
    live[:, 0] = 0
    ended = np.full(batch_size, -np.inf, np.float32)
    history = np.zeros((num_steps, BEAM_SIZE, batch_size), int)
    for t in range(num_steps):
        carry, log_probs = step(params, carry, beams, tokens)
        totals = live[:, :, None] + np.asarray(log_probs).swapaxes(0, 1)
        vocab_size = totals.shape[-1]
        flat = totals.reshape(batch_size, -1)
        best = np.argpartition(-flat, BEAM_SIZE, axis=-1)[:, :BEAM_SIZE]
        live = np.take_along_axis(flat, best, axis=-1)
        beams, tokens = (best // vocab_size).T, (best % vocab_size).T
        history = np.take_along_axis(history, beams[None], axis=1)
        history[t] = tokens
        is_end = tokens.T == END
        ended = np.maximum(ended, np.where(is_end, live, -np.inf).max(axis=-1))
        live = np.where(is_end, -np.inf, live)
    return np.maximum(ended, live.max(axis=-1))


def search_sentence(
    step: Callable[..., tuple[Any, Any]],
    layer: Layer,
    params: Any,
    start: int,
    num_steps: int,
) -> float:
    """Searches for one sentence; returns the best log-probability."""
    carry = layer.initial_carry(params, (BEAM_SIZE,))
    live, best_ended = [(0.0, [start])], -np.inf
    for _ in range(num_steps):
        tokens = [own[-1] for _, own in live]
        tokens += [END] * (BEAM_SIZE - len(live))  # so that shapes never change
        carry, logits = step(params, carry, np.array([tokens]))
        logits = np.asarray(logits[0])
        shifted = logits - logits.max(axis=-1, keepdims=True)
        log_probs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        continuations = [
            (total + log_probs[beam, token], beam, token)
            for beam, (total, _) in enumerate(live)
            for token in np.argsort(-log_probs[beam])[:BEAM_SIZE]
        ]
        best = sorted(continuations, reverse=True)[:BEAM_SIZE]
        going_on = [own for own in best if own[2] != END]
        best_ended = max([best_ended, *(own[0] for own in best if own[2] == END)])
        beams = [beam for _, beam, _ in going_on]
        indices = np.array(beams + [0] * (BEAM_SIZE - len(beams)))
        carry = jax.tree.map(lambda x: x[indices], carry)  # noqa: B023
        live = [(total, [*live[beam][1], token]) for total, beam, token in going_on]
    return max([best_ended, *(total for total, _ in live)])


def bare_steps(layer: Layer, params: Any, num_steps: int) -> Contender:
    """Makes the contender that runs the network on given tokens, as many steps."""
    shape = (num_steps, BEAM_SIZE * BATCH_SIZE)
    tokens = np.random.default_rng(0).integers(1, 60, size=shape)

    @jax.jit
    def run(params, tokens):
        def step(carry, tokens):
            carry, logits = layer.apply(params, carry, tokens[None])
            return carry, jnp.sum(logits)  # a small result that needs all logits

        carry = layer.initial_carry(params, shape[1:])
        return jax.lax.scan(step, carry, tokens)[1]

    return lambda: np.asarray(run(params, tokens))


CASES = tuple(
    Case(
        f"beam search, V {vocab_size}, {num_steps} steps",
        functools.partial(make_contenders, vocab_size, num_steps),
        {
            "Python, batched": 1.2,
            "Python, sentence by sentence": 10.0,
        }
        | ({"bare steps": 1 / 1.15} if vocab_size <= 1000 else {}),
    )
    for vocab_size, num_steps in ((64, 40), (1000, 20), (10_000, 10))
)
