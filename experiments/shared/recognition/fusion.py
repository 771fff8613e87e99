"""A language model of characters beside a recognizer: its symbols, and its weight."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.harness import BadInput
from experiments.shared.recognition.examples import BLANK, Symbols
from experiments.shared.trained import load
from rnnjax.base import Layer
from rnnjax.decoding import LanguageModel
from rnnjax.layers.causal import causal_layer

LINE_END = "\n"  # what comes before the first character of a line, and after its last
WEIGHTS, BONUSES = (0.2, 0.4, 0.7, 1.0), (0.0, 0.5, 1.0, 2.0)


def load_language_model(directory: Path, symbols: Symbols) -> LanguageModel:
    """Loads a run of `char_lm` as a model over the symbols of a recognizer.

    The end of a line stands for the blank, which begins and ends a text. Probabilities
    are shared among the symbols of the recognizer alone.

    Args:
      directory: the run of `char_lm`.
      symbols: those of the recognizer.

    Returns:
      The model, with a weight of 1.

    Raises:
      BadInput: if there is no run of `char_lm`, the symbols are not characters, or the
        run does not know one of them.
    """
    if symbols.units != "characters":
        raise BadInput(
            f"a language model of characters needs a recognizer of them, got one of "
            f"{symbols.units}.",
            directory,
        )
    module, _, vocabulary = load(directory, experiment="experiments.char_lm")
    names = [LINE_END if s == BLANK else s for s in symbols.vocabulary.symbols]
    missing = [name for name in names if name not in vocabulary]
    if missing:
        raise BadInput(
            "the language model must know every symbol of the recognizer, which has "
            f"also {' '.join(map(repr, missing[:5]))}.",
            directory,
        )
    layer = renumbered(module.layer, vocabulary.encode(names))
    blank = symbols.vocabulary.symbols.index(BLANK)
    params = nnx.as_pure(module.params)
    return LanguageModel(layer, params, start=blank, end=blank)


def renumbered(layer: Layer, numbers: np.ndarray) -> Layer:
    """Makes a language model over a part of its tokens, in another order.

    Args:
      layer: from tokens to logits, causal.
      numbers: `[V]`, the token of `layer` that each new one is.

    Returns:
      The layer, over the same parameters.
    """
    table = jnp.asarray(numbers)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        carry, logits = layer.apply(
            params, carry, table[inputs], mask=mask, is_first=is_first, key=key
        )
        return carry, logits[..., table]

    return causal_layer(layer.init, layer.initial_carry, apply, input_ndim=0)


class Fusion(NamedTuple):
    """How much a language model counts.

    Attributes:
      weight: of its log-probabilities.
      bonus: added to the score of a text for every symbol.
    """

    weight: float
    bonus: float


def choose_fusion(error_rate_with: Callable[[Fusion], float]) -> tuple[Fusion, float]:
    """Chooses weight and bonus with the fewest errors on the validation part.

    The bonus is chosen first, at the second weight, then the weight.

    Returns:
      What is chosen, and its error rate.
    """
    found = {
        fusion: error_rate_with(fusion)
        for fusion in (Fusion(WEIGHTS[1], bonus) for bonus in BONUSES)
    }
    bonus = min(found, key=found.__getitem__).bonus
    for weight in WEIGHTS:
        fusion = Fusion(weight, bonus)
        if fusion not in found:
            found[fusion] = error_rate_with(fusion)
    best = min(found, key=found.__getitem__)
    return best, found[best]
