r"""Stories with questions and answers, in the format of bAbI.

    1 Mary moved to the bathroom.
    2 John went to the hallway.
    3 Where is Mary?<TAB>bathroom<TAB>1

Lines are numbered, and 1 begins a new story. A line with a tab is a question about the
lines before it; behind its answer, and a second tab, may stand the numbers of the lines
that answer it.
"""

import re
from typing import NamedTuple

from experiments.data.lookup import AnyPath
from experiments.data.text import read_text, split_lines
from experiments.harness.errors import BadInput

_LINE = re.compile(r"([0-9]{1,9}) +(.*)", re.DOTALL)
_WORD = re.compile(r"\w+|[^\w\s]")

Words = tuple[str, ...]


class Question(NamedTuple):
    """A question about a story.

    Attributes:
      words: its words.
      answer: the answer as it is written, which may be several words.
      num_read: sentences of the story that stand before it, at least one.
      support: which of these answer it, from 0; may be empty.
      line: the line of the file, from 1.
    """

    words: Words
    answer: str
    num_read: int
    support: tuple[int, ...]
    line: int


class Story(NamedTuple):
    """Sentences, and questions between or after them.

    Attributes:
      sentences: the words of each sentence.
      questions: the questions, at least one.
    """

    sentences: tuple[Words, ...]
    questions: tuple[Question, ...]


def words_of(text: str) -> Words:
    """Returns the words and punctuation marks of a sentence, in lower case.

    Example:
      >>> words_of("Where is Mary's apple?")
      ('where', 'is', 'mary', "'", 's', 'apple', '?')
    """
    return tuple(_WORD.findall(text.lower()))


def read_stories(path: str | AnyPath, encoding: str = "utf-8") -> list[Story]:
    """Reads the stories of a file.

    Args:
      path: the file; decompressed if its name ends in `.gz`.
      encoding: its encoding.

    Returns:
      The stories in their order.

    Raises:
      BadInput: if a line has no number, or one that neither rises nor begins a story;
        if a sentence, a question or an answer is missing or has no word; if a question
        has no story before it, or a story no question; if a line that answers is no
        sentence of the story.
    """
    stories: list[Story] = []
    reading: _Reading | None = None
    for line, text in enumerate(split_lines(read_text(path, encoding)), 1):
        found = _LINE.fullmatch(text.strip(" \r"))
        if found is None:
            raise BadInput(
                "the line must have a number, a blank and a text, got "
                f"{text.strip()[:40]!r}.",
                path,
                line,
            )
        number = int(found[1])
        if number == 1:
            if reading is not None:
                stories.append(reading.finish())
            reading = _Reading(path, line)
        elif reading is None or number <= reading.last:
            rises = "" if reading is None else f" or more than {reading.last}"
            raise BadInput(
                f"the number must be 1, where a story begins{rises}, got {number}.",
                path,
                line,
            )
        reading.read(line, number, found[2])
    if reading is not None:
        stories.append(reading.finish())
    return stories


class _Reading:
    """A story while its lines are read."""

    def __init__(self, path, line):
        self.path, self.first_line = path, line
        self.last = 0  # number of the last line
        self.sentences: list[Words] = []
        self.questions: list[Question] = []
        self.places: dict[int, int] = {}  # of sentences, by the numbers of their lines

    def read(self, line: int, number: int, text: str) -> None:
        self.last = number
        body, *columns = [column.strip() for column in text.split("\t")]
        words = words_of(body)
        if not words:
            raise BadInput("the line must have a word before its tab.", self.path, line)
        if columns:
            self.questions.append(self._question(line, words, columns))
        elif body.endswith("?"):
            raise BadInput(
                "the question must be followed by a tab and its answer.",
                self.path,
                line,
            )
        else:
            self.places[number] = len(self.sentences)
            self.sentences.append(words)

    def _question(self, line, words, columns) -> Question:
        answer, *rest = columns
        if not answer:
            raise BadInput("the question must have an answer.", self.path, line)
        if len(rest) > 1:
            raise BadInput(
                f"the line must have one tab or two, got {len(columns)}.",
                self.path,
                line,
            )
        if not self.sentences:
            raise BadInput(
                "the question must come after its story, got none.", self.path, line
            )
        support = [self._place(line, number) for number in " ".join(rest).split()]
        return Question(words, answer, len(self.sentences), tuple(support), line)

    def _place(self, line, number) -> int:
        """Returns which sentence has a number, from 0."""
        is_number = re.fullmatch("[0-9]{1,9}", number)
        if not is_number or int(number) not in self.places:
            raise BadInput(
                "a line that answers must be a sentence before the question, got "
                f"{number!r}.",
                self.path,
                line,
            )
        return self.places[int(number)]

    def finish(self) -> Story:
        if not self.questions:
            raise BadInput(
                "the story that begins here must have a question with its answer, got "
                "none.",
                self.path,
                self.first_line,
            )
        return Story(tuple(self.sentences), tuple(self.questions))
