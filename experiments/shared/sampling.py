"""Samples of text from a language model: flags, prompts, sampling."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from experiments.data.text import END_OF_LINE
from experiments.data.vocabulary import Vocabulary
from experiments.harness import flag
from rnnjax import sample
from rnnjax.models.recurrent import Recurrent


@dataclasses.dataclass(frozen=True)
class SamplingFlags:
    """The flags of samples; every one may change when a run is resumed."""

    sample_length: int = flag(
        300, "steps drawn at each evaluation", resumable=True, minimum=1
    )
    temperature: float = flag(
        1.0,
        "sampling temperature: below 1 bolder, 0 takes the most likely",
        resumable=True,
        minimum=0,
    )


@dataclasses.dataclass(frozen=True)
class TextSamplingFlags(SamplingFlags):
    """The flags of samples of text."""

    prompt: str | None = flag(
        None, "text that samples continue; none: the end of a line", resumable=True
    )


def end_symbol(vocabulary: Vocabulary) -> str:
    r"""Returns the symbol that ends a line, `\n` or `<eos>`, or else the first one."""
    ends = [end for end in ("\n", END_OF_LINE) if end in vocabulary]
    return (ends or vocabulary.symbols)[0]


def encode_prompt(vocabulary: Vocabulary, prompt: Sequence[str] | None) -> jax.Array:
    """Turns the symbols of a prompt into tokens.

    Args:
      vocabulary: the symbols that the model knows.
      prompt: the symbols; None: `end_symbol`.

    Returns:
      `[num_symbols]` int32, at least one.

    Raises:
      ValueError: if the prompt is empty or contains a symbol that the model does not
        know.
    """
    if prompt is None:
        prompt = [end_symbol(vocabulary)]
    if len(prompt) == 0:
        raise ValueError("prompt must hold a symbol, got an empty one.")
    for position, symbol in enumerate(prompt):
        if vocabulary.unknown is None and symbol not in vocabulary:
            raise ValueError(
                "prompt must be of symbols that the model has seen, "
                f"got {symbol!r} at position {position}."
            )
    return jnp.asarray(vocabulary.encode(prompt))


def sample_text(
    module: Recurrent,
    vocabulary: Vocabulary,
    prompt: jax.Array,
    num_steps: int,
    key: jax.Array,
    temperature: float,
) -> str:
    """Draws a text from a language model.

    Args:
      module: from tokens to logits.
      vocabulary: the symbols of its tokens.
      prompt: `[num_symbols]` int32, see `encode_prompt`.
      num_steps: number of tokens to draw.
      key: the source of randomness.
      temperature: divides the logits; 0 takes the most likely token.

    Returns:
      The prompt and the tokens drawn, as text.
    """
    params = nnx.as_pure(module.params)
    _, tokens = sample(
        module.layer, params, prompt, num_steps, key, temperature=temperature
    )
    return vocabulary.decode(jnp.concatenate([prompt, tokens]))
