"""Answers to questions, line by line, about the story or the image before them."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from experiments.data.pictures import read_picture
from experiments.data.stories import Words, words_of
from experiments.harness import flag
from experiments.question_answering.batches import Batch
from experiments.question_answering.examples import Symbols
from experiments.question_answering.scores import apply, compile_options
from experiments.shared.answering import Answer, AnsweringFlags, round_up
from experiments.shared.trained import Trained

_NUMBERED = re.compile(r"([0-9]+) +(.+)")


@dataclasses.dataclass(frozen=True)
class AskFlags(AnsweringFlags):
    """The flags of `--ask`."""

    task: str | None = flag(
        None, "whose model answers, such as qa1; needed if the run has several"
    )
    numbered: bool = flag(False, "lines begin with their numbers, as in files of bAbI")


def make_reply(trained: Trained, flags: AskFlags) -> Callable[[str], Answer]:
    """Makes the function that reads a story or answers a question.

    A line that ends in `?`, or has a tab, is a question; what follows the tab is
    ignored. Every other line is the next sentence of the story, or the path of an image
    for a run on images, and is answered by an empty line. An empty line begins a new
    story; where lines are numbered, so does the number 1.

    Args:
      trained: what a run trained.
      flags: the flags.

    Returns:
      `reply(line)`.

    Raises:
      ValueError: if the run has no such task; by `reply`, if a word is not known to the
        run, an image cannot be read, a question has no story or image before it, or a
        number is missing.
    """
    models, symbols = trained.module, trained.symbols
    name = _task_of(flags.task, symbols)
    graph, params = nnx.split(models[name])

    def scores_of(params, batch):
        model = nnx.merge(graph, params)
        masks = {"story_mask": batch.story_mask, "question_mask": batch.question_mask}
        weights = None
        if model.reader.weigh is not None:
            weights = model.weigh(batch.story, batch.question, **masks)
        return jax.nn.softmax(apply(model, batch)), weights

    run = jax.jit(scores_of, compiler_options=compile_options(models[name]))
    sentences: list[Words] = []
    images: list[np.ndarray] = []  # one, or none

    def reply(line: str) -> Answer:
        text, has_tab = line.partition("\t")[0].strip(), "\t" in line
        number, text = _number_of(text) if flags.numbered and text else (None, text)
        if not text or number == 1:
            sentences.clear()
            images.clear()
        if not text:
            return Answer("", {})
        if not has_tab and not text.endswith("?"):
            if symbols.image_size:
                images.clear()
                images.append(read_picture(Path(text), symbols.image_size[0]))
                return Answer("", {"image": text})
            sentences.append(_known_words(text, symbols))
            return Answer("", {"sentence": text})
        question = _known_words(text, symbols)
        if not sentences and not images:
            wanted = "an image" if symbols.image_size else "a story"
            raise ValueError(f"the question must come after {wanted}, got none.")
        batch = _batch_of(sentences, images, question, symbols)
        shares, weights = jax.device_get(run(params, batch))
        best = int(shares[0].argmax())
        answer = symbols.answers[best]
        fields: dict[str, Any] = {
            "question": text,
            "answer": answer,
            "probability": round(float(shares[0, best]), 6),
        }
        if weights is not None and sentences:
            fields["looked_at"] = _by_sentence(weights[0], sentences)
        return Answer(answer, fields)

    return reply


def _number_of(text: str) -> tuple[int, str]:
    found = _NUMBERED.fullmatch(text)
    if found is None:
        raise ValueError(f"the line must have a number and a text, got {text!r}.")
    return int(found[1]), found[2]


def _task_of(task: str | None, symbols: Symbols) -> str:
    if task is None and len(symbols.tasks) == 1:
        return symbols.tasks[0]
    if task not in symbols.tasks:
        raise ValueError(
            f"task must be one of {', '.join(symbols.tasks)}, got "
            f"{'none' if task is None else task}."
        )
    return task


def _known_words(text: str, symbols: Symbols) -> Words:
    words = words_of(text)
    for word in words:
        if word not in symbols.words:
            raise ValueError(
                f"words must be among the {len(symbols.words):,} that the run knows, "
                f"got {word!r}."
            )
    return words


def _batch_of(sentences, images, question, symbols) -> Batch:
    asked, asked_mask = _padded(symbols.words.encode(question), 8)
    if images:
        story, mask = images[0][None] / np.float32(255), None
    else:
        words = [word for sentence in sentences for word in sentence]
        story, mask = _padded(symbols.words.encode(words), 16)
    zero = np.zeros(1)
    return Batch(story, mask, asked, asked_mask, zero, zero)


def _padded(tokens: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns `[1, length]` tokens and their mask, of few different lengths."""
    length = round_up(len(tokens), least)
    padded = np.pad(tokens, (0, length - len(tokens)))
    return padded[None], np.arange(length)[None] < len(tokens)


def _by_sentence(weights: np.ndarray, sentences: list[Words]) -> list[float]:
    """Returns the share of attention that each sentence has."""
    ends = np.cumsum([len(sentence) for sentence in sentences])
    shares = [weights[end - len(s) : end].sum() for end, s in zip(ends, sentences)]
    return [round(float(share), 4) for share in shares]
