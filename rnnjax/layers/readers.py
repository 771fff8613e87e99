"""Readers: a story and a question in, scores of answers out; the plainest of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Layer, Params, cached, check_positive
from rnnjax.layers.dense import dense
from rnnjax.layers.pooling import last_step
from rnnjax.layers.stack import abstract_inputs, abstract_outputs
from rnnjax.masking import check_marks

Pool = Callable[[Array, Array | None], Array]


class Reader(NamedTuple):
    """A model that answers questions about stories, as pure functions, time first.

    Attributes:
      init: `(key, vocab_size, story_size=None) -> params`; with `story_size` stories
        are vectors of that width, such as the places of an image, else tokens of the
        same vocabulary as questions.
      apply: `(params, story, question, *, story_mask=None, question_mask=None,
        key=None) -> scores`, the logits `[...batch, num_outputs]` of tokens, or
        vectors, `[S, ...batch]` and tokens `[Q, ...batch]`. The masks are bool, true at
        real steps; a story without a real step tells nothing.
      weigh: as `apply`, without a key, to the weights `[S, ...batch]` of the story's
        rows, which sum to 1; None if the reader does not attend.
    """

    init: Callable[..., Params]
    apply: Callable[..., Array]
    weigh: Callable[..., Array] | None = None


@cached
def plain_reader(
    layer: Layer, num_outputs: int, *, pooling: Pool = last_step
) -> Reader:
    """Makes a reader of one sequence: the story, and then the question.

        h = pooling of the layer's outputs over [story; question]
        scores = K h + b

    Args:
      layer: reads the tokens, such as `stack(embed(50), recurrent(lstm(50)))`.
      num_outputs: number of answers.
      pooling: what is taken of the outputs; `last_read` for layers of both directions.

    Returns:
      The reader, over a dict of `layer` and `scores`.

    Raises:
      ValueError: if `num_outputs` is not positive; in `init`, if stories are vectors.

    Example:
      >>> layer = rnnjax.stack(rnnjax.embed(3), rnnjax.recurrent(rnnjax.lstm(4)))
      >>> reader = plain_reader(layer, num_outputs=5)
      >>> params = reader.init(jax.random.key(0), 9)
      >>> story, question = jnp.array([1, 2, 3, 4, 0]), jnp.array([5, 6])
      >>> reader.apply(params, story, question).shape
      (5,)

    References:
      Weston et al., "Towards AI-Complete Question Answering: A Set of Prerequisite Toy
      Tasks", 2015, the LSTM of section 5.
    """
    check_positive(num_outputs=num_outputs)
    scores = dense(num_outputs)

    def init(key, vocab_size, story_size=None):
        if story_size is not None:
            raise ValueError(
                "story_size must be None, since the story is read like the question, "
                f"got {story_size}."
            )
        layer_key, scores_key = jax.random.split(key)
        params = layer.init(layer_key, vocab_size)
        tokens = abstract_inputs(vocab_size, 0)
        size = pooled_size(pooling, layer, params, tokens)
        return {"layer": params, "scores": scores.init(scores_key, size)}

    def apply(
        params, story, question, *, story_mask=None, question_mask=None, key=None
    ):
        tokens = jnp.concatenate([story, question])
        masks = _all_or(story_mask, story), _all_or(question_mask, question)
        mask = jnp.concatenate(masks)
        _, outputs = layer.apply(params["layer"], None, tokens, mask=mask, key=key)
        return scores.apply(params["scores"], None, pooling(outputs, mask)[None])[1][0]

    return Reader(init, apply)


def pooled_size(pooling: Pool, layer: Layer, params: Params, inputs: Any) -> int:
    """Returns the width of what is pooled of a layer, given the shape of its inputs."""
    outputs = abstract_outputs(layer, params, inputs)
    return jax.eval_shape(pooling, outputs, None).shape[-1]


def _all_or(mask: Array | None, tokens: Array) -> Array:
    check_marks("mask", mask, tokens.shape)
    return jnp.ones(tokens.shape, bool) if mask is None else jnp.asarray(mask)
