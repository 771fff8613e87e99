"""The answerer of questions about stories or images as an NNX module."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from rnnjax.base import Array
from rnnjax.layers.readers import Reader


class QuestionAnswerer(nnx.Module):
    """A reader as an NNX module, batch first; with an image encoder stories are images.

    Attributes:
      reader: the reader as functions, time first.
      params: its parameters, with an `nnx.Param` for every leaf.
      image_encoder: see below.

    Args:
      reader: what `plain_reader` or `question_reader` makes.
      vocab_size: number of tokens.
      story_size: width of the vectors of a story, that of the image encoder's maps;
        None: stories are tokens.
      image_encoder: a module that turns images `[B, height, width, channels]` into maps
        `[B, rows, columns, story_size]`, whose places are the rows of the story; None:
        there are no images.
      rngs: the parameters are drawn from its stream `params`; or a key.

    Raises:
      ValueError: if there is an image encoder without `story_size`.

    Example:
      >>> from flax import nnx
      >>> from rnnjax.attention import additive
      >>> from rnnjax.layers import question_reader
      >>> reader = question_reader(
      ...     rnnjax.embed(3),
      ...     rnnjax.recurrent(rnnjax.gru(4)),
      ...     rnnjax.recurrent(rnnjax.gru(6)),
      ...     num_outputs=5,
      ...     attention=additive(7),
      ...     size=8,
      ... )
      >>> model = QuestionAnswerer(reader, 9, rngs=nnx.Rngs(0))
      >>> story, question = jnp.ones((2, 10), int), jnp.ones((2, 4), int)
      >>> mask = rnnjax.lengths_to_mask(jnp.array([10, 7]), 10).T
      >>> model(story, question, story_mask=mask).shape
      (2, 5)
      >>> model.weigh(story, question, story_mask=mask).shape
      (2, 10)
    """

    def __init__(
        self,
        reader: Reader,
        vocab_size: int,
        *,
        story_size: int | None = None,
        image_encoder: Callable[[Array], Array] | None = None,
        rngs: nnx.Rngs | jax.Array,
    ):
        if image_encoder is not None and story_size is None:
            raise ValueError("story_size must be given with an image encoder.")
        self.reader = reader
        key = rngs.params() if isinstance(rngs, nnx.Rngs) else rngs
        params = reader.init(key, vocab_size, story_size)
        self.params = nnx.data(jax.tree.map(nnx.Param, params))
        self.image_encoder = image_encoder

    def __call__(
        self,
        story: Any,
        question: Any,
        *,
        story_mask: Array | None = None,
        question_mask: Array | None = None,
        key: Array | None = None,
    ) -> Array:
        """Scores the answers of a batch of questions.

        Args:
          story: tokens `[B, S]`, vectors `[B, S, story_size]`, or images
            `[B, height, width, channels]`.
          question: tokens `[B, Q]`.
          story_mask: `[B, S]` bool, true at real steps, of an image at its places;
            None: all are.
          question_mask: the same of the question, `[B, Q]`.
          key: the source of randomness, for dropout; None: there is none.

        Returns:
          `[B, num_outputs]`, the logits.
        """
        story, question, masks = self._time_first(
            story, question, story_mask, question_mask
        )
        params = nnx.as_pure(self.params)
        return self.reader.apply(params, story, question, **masks, key=key)

    def weigh(
        self,
        story: Any,
        question: Any,
        *,
        story_mask: Array | None = None,
        question_mask: Array | None = None,
    ) -> Array:
        """Returns how much each question looks at each row of its story.

        Args:
          story: see the call.
          question: see the call.
          story_mask: see the call.
          question_mask: see the call.

        Returns:
          `[B, S]`, which sum to 1; the places of an image row by row.

        Raises:
          ValueError: if the reader does not attend.
        """
        if self.reader.weigh is None:
            raise ValueError("reader must attend to the story, got one that does not.")
        story, question, masks = self._time_first(
            story, question, story_mask, question_mask
        )
        params = nnx.as_pure(self.params)
        return self.reader.weigh(params, story, question, **masks).T

    def _time_first(self, story, question, story_mask, question_mask):
        if self.image_encoder is not None:
            maps = self.image_encoder(jnp.asarray(story))
            story = maps.reshape(len(maps), -1, maps.shape[-1])
        story, question, *masks = jax.tree.map(
            lambda x: jnp.swapaxes(jnp.asarray(x), 0, 1),
            (story, question, story_mask, question_mask),
        )
        return story, question, dict(zip(("story_mask", "question_mask"), masks))
