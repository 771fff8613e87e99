"""Samples of a language model: the vocabulary kept with a run, prompts, drawing."""

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp

from experiments.data.text import END_OF_LINE
from experiments.data.vocabulary import Vocabulary
from experiments.harness import files
from rnnjax import Layer, sample
from rnnjax.base import Params

FILE_NAME = "vocabulary.json"


def keep_vocabulary(directory: Path, vocabulary: Vocabulary) -> None:
    """Writes a run's vocabulary into its directory, or checks it against the one there.

    Raises:
      ValueError: if the run was trained with another vocabulary; says what differs.
    """
    path = directory / FILE_NAME
    if not path.exists():
        files.write_whole(path, vocabulary.to_json().encode())
        return
    kept = kept_vocabulary(directory)
    if kept != vocabulary:
        missing = [
            symbol for symbol in kept.symbols if symbol not in vocabulary.symbols
        ]
        new = [symbol for symbol in vocabulary.symbols if symbol not in kept.symbols]
        raise ValueError(
            f"the vocabulary must be the {len(kept)} symbols of {directory}, got "
            f"{len(vocabulary)}: missing are {_first(missing)}, new {_first(new)}."
        )


def kept_vocabulary(directory: Path) -> Vocabulary:
    """Reads the vocabulary that `keep_vocabulary` wrote."""
    return Vocabulary.from_json((directory / FILE_NAME).read_text(encoding="utf-8"))


def encode_prompt(vocabulary: Vocabulary, prompt: Sequence[str] | None) -> jax.Array:
    r"""Numbers a prompt's symbols.

    Args:
      vocabulary: the symbols that the model knows.
      prompt: the symbols; None: what ends a line, `\n` or `<eos>`, or else the first
        symbol of the vocabulary.

    Returns:
      `[num_symbols]` int32, at least one.

    Raises:
      ValueError: if the prompt is empty or holds a symbol that the model never saw.
    """
    if prompt is None:
        ends = [end for end in ("\n", END_OF_LINE) if end in vocabulary.symbols]
        prompt = (ends or vocabulary.symbols)[:1]
    if len(prompt) == 0:
        raise ValueError("prompt must hold a symbol, got an empty one.")
    for position, symbol in enumerate(prompt):
        if vocabulary.unknown is None and symbol not in vocabulary.symbols:
            raise ValueError(
                "prompt must be of symbols that the model has seen, "
                f"got {symbol!r} at position {position}."
            )
    return jnp.asarray(vocabulary.encode(prompt))


def draw_text(
    layer: Layer,
    params: Params,
    vocabulary: Vocabulary,
    prompt: jax.Array,
    num_steps: int,
    key: jax.Array,
    temperature: float,
) -> str:
    """Draws a text from a model and writes it after its prompt."""
    _, tokens = sample(layer, params, prompt, num_steps, key, temperature=temperature)
    return vocabulary.decode(jnp.concatenate([prompt, tokens]))


def _first(symbols: list[str], most: int = 5) -> str:
    if not symbols:
        return "none"
    shown = ", ".join(map(repr, symbols[:most]))
    return shown if len(symbols) <= most else f"{shown} and {len(symbols) - most} more"
