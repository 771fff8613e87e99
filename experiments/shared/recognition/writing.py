"""Writing what is recognized: greedily, or by a beam with a language model."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.shared import buckets as bucketing
from experiments.shared.compiling import quick_compile
from experiments.shared.recognition.batches import Batcher
from experiments.shared.recognition.examples import Encoded, Symbols, scale
from experiments.shared.trained import Trained
from rnnjax.decoding import LanguageModel, ctc_beam_search
from rnnjax.models.recognizer import Recognizer


def make_search(
    module: Recognizer,
    *,
    beam_size: int = 1,
    language_model: LanguageModel | None = None,
) -> Callable[..., tuple[Any, Any]]:
    """Makes `search(params, frames, mask, weight=1.0, bonus=0.0)`.

    The weight is that of the language model; the bonus is added to the score of a text
    for every symbol. Neither counts without a beam.

    Args:
      module: the recognizer.
      beam_size: prefixes in the beam; 1 without a language model is greedy.
      language_model: one over the same symbols, for CTC.

    Returns:
      The function, to tokens `[B, L]` and their number `[B]`.

    Raises:
      ValueError: if a beam or a language model is asked for and the module is a
        transducer.
    """
    graph = nnx.graphdef(module)
    is_greedy = beam_size == 1 and language_model is None
    if not is_greedy and module.functions.predictor is not None:
        raise ValueError("beam_size must be 1 for a transducer, decoded greedily.")

    def search(params, frames, mask, weight=1.0, bonus=0.0):
        model = nnx.merge(graph, params)
        if is_greedy:
            found = model.greedy(frames, mask=mask)
            return found.tokens, found.lengths
        logits, mask = model(frames, mask=mask)
        found = ctc_beam_search(
            jnp.swapaxes(logits, 0, 1),
            beam_size=beam_size,
            mask=jnp.swapaxes(mask, 0, 1),
            language_model=language_model and language_model._replace(weight=weight),
            bonus=bonus,
        )
        return found.tokens[:, 0].T, found.lengths[0]

    return jax.jit(search, compiler_options=quick_compile())


def make_write(
    module: Recognizer, symbols: Symbols, batch_size: int, **options: Any
) -> Callable[..., list[str]]:
    """Makes `write(params, data, *fused)`, the text of each example.

    Args:
      module: the recognizer.
      symbols: what its numbers stand for.
      batch_size: examples computed at once.
      **options: see `make_search`; `fused` are the weight and the bonus there.
    """
    search = make_search(module, **options)

    def write(params: Any, data: Encoded, *fused: float) -> list[str]:
        batcher = Batcher(data, batch_size, max_shapes=1)  # compiled once
        texts = [""] * len(data.values)
        for rows in bucketing.rows_in_order(batcher.buckets):
            batch = batcher.batch(rows)
            tokens, lengths = jax.device_get(
                search(params, batch.frames, batch.mask, *fused)
            )
            for index, text in zip(rows.indices, decode(tokens, lengths, symbols)):
                if index >= 0:
                    texts[index] = text
        return texts

    return write


def decode(
    tokens: Sequence[np.ndarray], lengths: Sequence[int], symbols: Symbols
) -> list[str]:
    """Turns tokens `[B, L]` of some lengths into texts."""
    return [symbols.decode(row[:length]) for row, length in zip(tokens, lengths)]


def make_reader(
    trained: Trained, batch_size: int
) -> Callable[[Sequence[np.ndarray]], list[str]]:
    """Makes `read(frames)`, the text of each `[num_frames, num_channels]`, unscaled."""
    module, _, symbols = trained
    write = make_write(module, symbols, batch_size)
    params = nnx.as_pure(nnx.state(module))

    def read(frames: Sequence[np.ndarray]) -> list[str]:
        values = [scale(own, symbols) for own in frames]
        nothing = [np.zeros(0, np.int32)] * len(values)
        return write(params, Encoded(values, nothing))

    return read
