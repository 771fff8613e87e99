"""When the words of a known text are said, by the best alignment of CTC."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.harness import BadInput
from experiments.shared.answering import round_up
from experiments.shared.compiling import quick_compile
from experiments.shared.recognition.examples import (
    Example,
    Symbols,
    encode_text,
    scale,
    split,
)
from rnnjax.decoding import ctc_align
from rnnjax.models.recognizer import Recognizer


class WordTime(NamedTuple):
    """A word, and the steps of the encoder at which it is said.

    Attributes:
      word: the word, or the phoneme where texts are made of phonemes.
      begin: the step at which its first symbol begins.
      end: the step after that at which its last symbol ends.
    """

    word: str
    begin: int
    end: int


def make_align(module: Recognizer, symbols: Symbols) -> Callable[..., list[WordTime]]:
    """Makes `align(params, example)`, the times of the words of its text.

    Args:
      module: a recognizer with CTC.
      symbols: what its numbers stand for.

    Raises:
      ValueError: if the recognizer is a transducer.
      BadInput: by the function, if a symbol of the text is unknown, or the frames are
        too few for it.
    """
    if module.functions.predictor is not None:
        raise ValueError("the run must be one with --loss ctc, got a transducer.")
    graph = nnx.graphdef(module)

    def best(params, frames, mask, targets, target_mask):
        logits, mask = nnx.merge(graph, params)(frames[None], mask=mask[None])
        found = ctc_align(logits[0], targets, mask=mask[0], target_mask=target_mask)
        return found.places, found.feasible

    best = jax.jit(best, compiler_options=quick_compile())

    def align(params: Any, example: Example) -> list[WordTime]:
        frames, targets = scale(example.values, symbols), encode_text(example, symbols)
        num_frames = round_up(len(frames))
        num_targets = round_up(len(targets), least=4)
        padded = np.zeros((num_frames, frames.shape[1]), np.float32)
        padded[: len(frames)] = frames
        places, feasible = jax.device_get(
            best(
                params,
                padded,
                jnp.arange(num_frames) < len(frames),
                np.pad(targets, (0, num_targets - len(targets)), constant_values=1),
                jnp.arange(num_targets) < len(targets),
            )
        )
        if not feasible:
            raise BadInput(
                f"the frames of {example.name} are too few for its text.",
                example.path,
                example.line,
            )
        return word_times(places, split(example.text, symbols.units), symbols.units)

    return align


def word_times(
    places: np.ndarray, units: Sequence[str], separator_units: str
) -> list[WordTime]:
    """Finds the steps of words in an alignment.

    Args:
      places: `[T]`, the place of each step's symbol in the text, -1 at blanks.
      units: the symbols of the text.
      separator_units: what they are; characters form words between blanks.

    Returns:
      The words, in their order.

    Example:
      >>> places = np.array([-1, 0, 0, 1, -1, 2, 3, -1])
      >>> word_times(places, tuple("to m"), "characters")
      [WordTime(word='to', begin=1, end=4), WordTime(word='m', begin=6, end=7)]
    """
    words: list[list[int]] = [[]]
    for place, unit in enumerate(units):
        if separator_units != "characters":
            words.append([place])
        elif unit == " ":
            words.append([])
        else:
            words[-1].append(place)
    found = []
    for members in filter(None, words):
        steps = np.flatnonzero(np.isin(places, members))
        text = "".join(units[place] for place in members)
        found.append(WordTime(text, int(steps[0]), int(steps[-1]) + 1))
    return found
