"""Questions with what they are about, as symbols and as arrays."""

import dataclasses
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from experiments.data.lookup import AnyPath
from experiments.data.stories import Story, Words
from experiments.data.vocabulary import UNKNOWN, Vocabulary
from experiments.harness import BadInput


class Example(NamedTuple):
    """A question, its answer, and its story or image.

    Attributes:
      sentences: the words of each sentence; none for an image.
      question: the words of the question.
      answer: the answer.
      support: the sentences that answer it, from 0.
      image: the number of the image; -1: there is none.
      path: the file; None: there is none.
      line: the line there; None: not known.
    """

    sentences: tuple[Words, ...]
    question: Words
    answer: str
    support: tuple[int, ...] = ()
    image: int = -1
    path: AnyPath | None = None
    line: int | None = None

    @property
    def story(self) -> Words:
        """The words of all sentences."""
        return tuple(chain.from_iterable(self.sentences))


class Parts(NamedTuple):
    """The examples of one task.

    Attributes:
      train, validation, test: the examples; `test` may be empty.
    """

    train: list[Example]
    validation: list[Example]
    test: list[Example]


class Loaded(NamedTuple):
    """All that was loaded.

    Attributes:
      tasks: the examples of each task, by its name.
      digests: SHA-256 of every file, by name.
      images: `[num_images, height, width, channels]` uint8; None: there are stories.
    """

    tasks: dict[str, Parts]
    digests: dict[str, str]
    images: np.ndarray | None = None


def examples_of(stories: Sequence[Story], path: AnyPath | None = None) -> list[Example]:
    """Returns an example for each question."""
    return [
        Example(
            story.sentences[: question.num_read],
            question.words,
            question.answer,
            question.support,
            path=path,
            line=question.line,
        )
        for story in stories
        for question in story.questions
    ]


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What a run keeps of its data to answer other questions.

    Attributes:
      words: the words of training stories and questions, behind one for all others.
      answers: the answers of the training questions, in alphabetical order.
      tasks: the names of the tasks, each of which has a model of its own.
      image_size: height, width and channels of images; none: there are stories.
    """

    words: Vocabulary
    answers: tuple[str, ...]
    tasks: tuple[str, ...]
    image_size: tuple[int, ...] = ()


def make_symbols(loaded: Loaded, tasks: Sequence[str], min_count: int = 1) -> Symbols:
    """Numbers the words and answers of the training parts of all tasks.

    Args:
      loaded: the tasks.
      tasks: the names of those that have a model.
      min_count: occurrences that make a word known.
    """
    train = [example for parts in loaded.tasks.values() for example in parts.train]
    words = (word for one in train for word in (*one.story, *one.question))
    known = Vocabulary.of_words(words, min_count).symbols
    symbols = UNKNOWN, *(word for word in known if word != UNKNOWN)
    return Symbols(
        Vocabulary(symbols, " ", UNKNOWN),
        tuple(sorted({example.answer for example in train})),
        tuple(tasks),
        () if loaded.images is None else loaded.images.shape[1:],
    )


class Encoded(NamedTuple):
    """Examples as numbers, an array per example.

    Attributes:
      story: the words of the story, or the number of the image.
      question: the words of the question.
      targets: `[num_examples]`, the numbers of the answers; -1 for one that no training
        question has.
    """

    story: list[np.ndarray]
    question: list[np.ndarray]
    targets: np.ndarray


def encode(examples: Sequence[Example], symbols: Symbols) -> Encoded:
    """Turns examples into numbers."""
    numbers = {answer: number for number, answer in enumerate(symbols.answers)}
    words = symbols.words

    def story_of(example: Example) -> Any:
        if symbols.image_size:
            return np.array([example.image], np.int32)
        return words.encode(example.story)

    return Encoded(
        [story_of(example) for example in examples],
        [words.encode(example.question) for example in examples],
        np.array([numbers.get(one.answer, -1) for one in examples], np.int32),
    )


def check_answers(examples: Sequence[Example], symbols: Symbols) -> None:
    """Checks that training questions have all the answers.

    Raises:
      BadInput: if one is missing there; names the question's line.
    """
    known = set(symbols.answers)
    for example in examples:
        if example.answer not in known:
            raise BadInput(
                f"the answer must be one of the {len(known)} of the training "
                f"questions, got {example.answer!r}.",
                example.path,
                example.line,
            )


def shuffled_stories(examples: Sequence[Example], seed: int) -> list[Example]:
    """Gives every question the story or image of another example.

    Args:
      examples: the examples.
      seed: equal seeds give equal results.

    Returns:
      The examples in their order, each with another one's story.
    """
    order = np.random.default_rng(seed).permutation(len(examples))
    mixed = list(examples)
    for to, source in zip(order, np.roll(order, 1)):
        other = examples[source]
        mixed[to] = examples[to]._replace(
            sentences=other.sentences, support=(), image=other.image
        )
    return mixed
