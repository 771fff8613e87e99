"""Writing targets: greedily or by beam search, for many sources or line by line."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.data.pairs import Pair
from experiments.harness import flag
from experiments.shared import buckets as bucketing
from experiments.shared.answering import Answer, AnsweringFlags, round_up
from experiments.shared.compiling import quick_compile
from experiments.shared.trained import Trained
from experiments.translation.batches import Batcher
from experiments.translation.symbols import (
    END,
    START,
    Symbols,
    decode,
    encode,
)
from rnnjax.decoding import beam_search, length_penalty
from rnnjax.layers import ensemble
from rnnjax.models.encoder_decoder import EncoderDecoder


class Written(NamedTuple):
    """A target that was written.

    Attributes:
      text: the text.
      score: the mean log-probability of its symbols, nats.
    """

    text: str
    score: float


def make_search(
    modules: Sequence[EncoderDecoder], symbols: Symbols
) -> Callable[..., tuple[Any, Any]]:
    """Makes `search(params, source, mask, copied, *, beam_size, num_best)`.

    Scores are means per symbol. A beam of 1 is greedy decoding. Several models are
    searched as one that predicts the mean of their probabilities.

    Args:
      modules: models of the same symbols.
      symbols: their vocabularies.

    Returns:
      The function, of the parameters of each model and of arrays batch first, to the
      tokens `[L, N, B]` of the N best and their scores `[N, B]`.
    """
    graphs = [nnx.graphdef(module) for module in modules]
    start, end = symbols.target.encode([START, END]).tolist()

    @functools.partial(
        jax.jit,
        static_argnames=("beam_size", "num_best"),
        compiler_options=quick_compile(),
    )
    def search(params, source, mask, copied, *, beam_size, num_best=1):
        models = [nnx.merge(*both) for both in zip(graphs, params, strict=True)]
        begun = [
            model.begin(model.encode(source, mask=mask, copied=copied))
            for model in models
        ]
        layer, (own, carry) = models[0].layer, begun[0]
        if len(models) > 1:
            layer = ensemble(*(model.layer for model in models))
            own, carry = zip(*begun)
        found = beam_search(
            layer,
            own,
            jnp.full((1, len(source)), start),
            symbols.longest,
            beam_size=beam_size,
            end=end,
            penalty=length_penalty(1.0),
            num_best=num_best,
            carry=carry,
        )
        return found.tokens, found.scores

    return search


def make_translate(
    module: EncoderDecoder, symbols: Symbols, config: Any
) -> Callable[..., list[str]]:
    """Makes `translate(params, pairs, beam_size=...)`, the best text for each pair.

    Args:
      module: the model.
      symbols: its vocabularies.
      config: `batch_size` and `copy` of the experiment.
    """
    search = make_search([module], symbols)

    def translate(params: Any, pairs: Sequence[Pair], beam_size: int) -> list[str]:
        data = encode(pairs, symbols, config.copy)
        batcher = Batcher(data, symbols, config.batch_size)
        texts = [""] * len(pairs)
        for rows in bucketing.rows_in_order(batcher.buckets):
            batch = batcher.batch(rows)
            given = batch.source, batch.source_mask, batch.copied
            tokens, _ = jax.device_get(search([params], *given, beam_size=beam_size))
            for row, index in enumerate(rows.indices):
                if index >= 0:
                    new_words = data.new_words[index]
                    texts[index] = decode(tokens[:, 0, row], symbols, new_words)
        return texts

    return translate


@dataclasses.dataclass(frozen=True)
class TranslateFlags(AnsweringFlags):
    """The flags of `--translate`.

    Raises:
      ValueError: if `num_best` is not from 1 to `beam_size`.
    """

    beam_size: int = flag(5, "hypotheses of the search; 1: greedy")
    num_best: int = flag(1, "translations per line, the best first")
    with_runs: tuple[Path, ...] = flag(
        (), "other runs of the same pairs, to predict by the mean of all (an ensemble)"
    )

    def __post_init__(self):
        """Checks the sizes."""
        if not 1 <= self.num_best <= self.beam_size:
            raise ValueError(
                f"num_best must be from 1 to beam_size {self.beam_size}, got "
                f"{self.num_best}."
            )


def make_reply(
    trained: Sequence[Trained], flags: TranslateFlags
) -> Callable[[str], Answer]:
    """Makes the function that translates a line, by all runs together.

    Several translations of a line are separated by tabs in the format text.

    Raises:
      ValueError: if only some of the runs copy words; by the function, if the line is
        empty.
    """
    symbols = trained[0].symbols
    (copies, *others) = {run.config.copy for run in trained}
    if others:
        raise ValueError("copy must be the same in all runs, got both.")
    search = make_search([run.module for run in trained], symbols)
    params = [nnx.as_pure(nnx.state(run.module)) for run in trained]
    sizes = {"beam_size": flags.beam_size, "num_best": flags.num_best}

    def reply(line: str) -> Answer:
        if not line.strip():
            raise ValueError("the line must hold a text, got an empty one.")
        data = encode([Pair(line.strip(), ())], symbols, copies)
        length = len(data.source[0])
        padding = (0, round_up(length) - length)
        source, copied = (
            np.pad(tokens[0], padding)[None] for tokens in (data.source, data.copied)
        )
        mask = np.arange(source.shape[1])[None] < length
        tokens, scores = jax.device_get(search(params, source, mask, copied, **sizes))
        found = [
            Written(decode(tokens[:, n, 0], symbols, data.new_words[0]), float(score))
            for n, score in enumerate(scores[:, 0])
            if score > -np.inf
        ]
        texts = [written.text for written in found]
        fields = {"translations": [written._asdict() for written in found]}
        return Answer("\t".join(texts), fields)

    return reply
