"""Writing captions: greedily or by beam search, for many images or one by one."""

import dataclasses
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx

from experiments.captioning.loading import END, START, Symbols, decode
from experiments.data.pictures import read_picture
from experiments.data.vocabulary import UNKNOWN
from experiments.harness import flag
from experiments.shared.answering import Answer, AnsweringFlags, answer, answer_from
from experiments.shared.trained import Trained
from rnnjax.base import Array
from rnnjax.decoding import beam_search, length_penalty
from rnnjax.models.captioner import Captioner


class Written(NamedTuple):
    """A caption that was written.

    Attributes:
      text: the text.
      score: the mean log-probability of its words and its end, nats.
    """

    text: str
    score: float


def as_read(images: Any, module: Captioner) -> Array:
    """Turns images `[B, side, side, 3]` of uint8 into what a captioner reads.

    A captioner without a network is the control that sees no image: it reads zeros.
    """
    if module.network is None:
        return jnp.zeros((len(images), 1, 1))
    return images / 255 - 0.5


def make_search(module: Captioner, symbols: Symbols) -> Callable[..., tuple[Any, Any]]:
    """Makes `search(params, images, beam_size=..., num_best=...)`.

    Scores are means per word. A beam of 1 is greedy decoding. Unknown words are not
    written.

    Returns:
      The function, to the tokens `[L, N, B]` of the N best and their scores `[N, B]`.
    """
    graph = nnx.graphdef(module)
    unknown, start, end = symbols.words.encode([UNKNOWN, START, END]).tolist()
    numbers = np.arange(len(symbols.words))

    @functools.partial(jax.jit, static_argnames=("beam_size", "num_best"))
    def search(params, images, *, beam_size, num_best=1):
        model = nnx.merge(graph, params)
        own, carry = model.begin(model.encode(as_read(images, model)))
        found = beam_search(
            model.layer,
            own,
            jnp.full((1, len(images)), start),
            symbols.longest,
            beam_size=beam_size,
            end=end,
            penalty=length_penalty(1.0),
            num_best=num_best,
            carry=carry,
            vocabulary=(numbers != unknown) & (numbers != start),
        )
        return found.tokens, found.scores

    return search


def make_write(
    module: Captioner, symbols: Symbols, batch_size: int
) -> Callable[..., list[str]]:
    """Makes `write(params, images, beam_size=...)`, the best caption of each image.

    Args:
      module: the model.
      symbols: its vocabulary.
      batch_size: images that are read at once.
    """
    search = make_search(module, symbols)

    def write(params: Any, images: np.ndarray, beam_size: int) -> list[str]:
        texts = []
        for first in range(0, len(images), batch_size):
            batch = images[first : first + batch_size]
            missing = batch_size - len(batch)
            padded = np.pad(batch, [(0, missing), (0, 0), (0, 0), (0, 0)])
            tokens, _ = jax.device_get(search(params, padded, beam_size=beam_size))
            texts += [decode(tokens[:, 0, row], symbols) for row in range(len(batch))]
        return texts

    return write


@dataclasses.dataclass(frozen=True)
class WritingFlags(AnsweringFlags):
    """The flags of `--caption`.

    Raises:
      ValueError: if `num_best` is not from 1 to `beam_size`, or images are given in two
        ways.
    """

    images: tyro.conf.Positional[tuple[Path, ...]] = flag(
        (), "images to describe; none: those that the lines of the input name"
    )
    beam_size: int = flag(5, "hypotheses of the search; 1: greedy")
    num_best: int = flag(1, "captions per image, the best first")

    def __post_init__(self):
        """Checks the sizes."""
        if not 1 <= self.num_best <= self.beam_size:
            raise ValueError(
                f"num_best must be from 1 to beam_size {self.beam_size}, got "
                f"{self.num_best}."
            )
        if self.images and self.input is not None:
            raise ValueError("input must not be given with images.")


def answer_images(trained: Trained, flags: WritingFlags) -> int:
    """Writes a line for each image; returns the number of those that are none."""
    reply = make_reply(trained, flags)
    if not flags.images:
        return answer_from(flags, reply)
    lines = (os.fsencode(path) for path in flags.images)
    encoding = sys.getfilesystemencoding()
    return answer(lines, reply, sys.stdout, format=flags.format, encoding=encoding)


def make_reply(trained: Trained, flags: WritingFlags) -> Callable[[str], Answer]:
    """Makes the function that describes the image in a file.

    Several captions of an image are separated by tabs in the format text.

    Raises:
      BadInput: by the function, if the file is no image.
    """
    module, _, symbols = trained
    search = make_search(module, symbols)
    params = nnx.as_pure(nnx.state(module))
    sizes = {"beam_size": flags.beam_size, "num_best": flags.num_best}

    def reply(line: str) -> Answer:
        image = read_picture(Path(line), symbols.side)
        tokens, scores = jax.device_get(search(params, image[None], **sizes))
        found = [
            Written(decode(tokens[:, n, 0], symbols), float(score))
            for n, score in enumerate(scores[:, 0])
            if score > -np.inf
        ]
        text = "\t".join(written.text for written in found)
        captions = [written._asdict() for written in found]
        return Answer(text, {"image": line, "captions": captions})

    return reply
