"""Batches of questions, in a bounded number of shapes that all tasks share."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.question_answering.examples import Encoded
from experiments.shared import buckets as bucketing
from experiments.shared.buckets import Buckets, Rows, pad, pick, real_steps


class Batch(NamedTuple):
    """Questions, batch first.

    Attributes:
      story: `[B, S]` tokens, or images `[B, height, width, channels]` from 0 to 1.
      story_mask: `[B, S]` bool, true at real ones; None for images.
      question: `[B, Q]` tokens.
      question_mask: `[B, Q]` bool, true at real ones.
      targets: `[B]`, the numbers of the answers; -1 for one that is not known.
      weights: `[B]`, 1, and 0 where a row is filled up.
    """

    story: Any
    story_mask: Any
    question: Any
    question_mask: Any
    targets: Any
    weights: Any


class Shapes(NamedTuple):
    """The lengths that stories and questions are padded to.

    Attributes:
      story: in increasing order.
      question: that of all questions.
      batch_size: questions per batch.
    """

    story: tuple[int, ...]
    question: int
    batch_size: int


def common_shapes(parts: Sequence[Encoded], batch_size: int, max_shapes: int) -> Shapes:
    """Finds at most `max_shapes` lengths that suit all parts of all tasks together."""
    lengths = [len(story) for part in parts for story in part.story]
    bounds = bucketing.make_buckets(lengths, batch_size, max_shapes).num_steps
    longest = max(len(question) for part in parts for question in part.question)
    return Shapes(bounds, longest, batch_size)


class Batcher:
    """Makes batches of the examples of one part of a task.

    Attributes:
      data: the examples.
      buckets: the examples by the padded lengths of their stories.

    Args:
      data: the examples.
      shapes: the lengths.
      images: `[num_images, height, width, channels]` uint8; None: there are stories.
    """

    def __init__(self, data: Encoded, shapes: Shapes, images: np.ndarray | None = None):
        self.data, self._images = data, images
        self.buckets = _buckets_of(data.story, shapes.story, shapes.batch_size)
        self._questions = np.array([len(question) for question in data.question])
        self._question_length = shapes.question

    def batch(self, rows: Rows) -> Batch:
        """Makes the batch of some rows."""
        data = self.data
        asked = rows._replace(num_steps=self._question_length)
        story, story_mask = pad(data.story, rows), real_steps(self.buckets, rows)
        if self._images is not None:
            story = self._images[story[:, 0]] / np.float32(255)
            story_mask = None
        return Batch(
            story,
            story_mask,
            pad(data.question, asked),
            real_steps(self.buckets._replace(lengths=self._questions), asked),
            pick(data.targets, rows, fill=-1),
            rows.is_real.astype(np.float32),
        )

    def in_order(self) -> Iterator[tuple[Rows, Batch]]:
        """Yields batches that hold every example once, and their rows."""
        for rows in bucketing.rows_in_order(self.buckets):
            yield rows, self.batch(rows)


def _buckets_of(
    stories: Sequence[np.ndarray], bounds: tuple[int, ...], batch_size: int
) -> Buckets:
    """Sorts stories into buckets with given bounds.

    A bucket that would not fill a batch is joined with the next one.
    """
    lengths = np.array([len(story) for story in stories])
    num_steps: list[int] = []
    members: list[np.ndarray] = []
    open_members = np.array([], int)
    bucket_of = np.searchsorted(bounds, lengths)
    for number, bound in enumerate(bounds):
        own = np.flatnonzero(bucket_of == number)
        open_members = np.concatenate([open_members, own])
        is_last = not (bucket_of > number).any()
        if len(open_members) >= batch_size or (is_last and len(open_members)):
            num_steps.append(bound)
            members.append(np.sort(open_members))
            open_members = np.array([], int)
    return Buckets(lengths, tuple(num_steps), tuple(members), batch_size)


def without_stories(data: Encoded) -> Encoded:
    """Returns the questions alone: every story is empty."""
    return data._replace(story=[np.array([], np.int32)] * len(data.story))
