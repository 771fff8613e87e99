"""What a recognizer is measured by: its loss, and its errors in their parts."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from flax import nnx

from experiments.shared import buckets as bucketing
from experiments.shared.compiling import quick_compile
from experiments.shared.edits import ErrorRate, error_rate
from experiments.shared.recognition.batches import Batch, Batcher
from experiments.shared.recognition.examples import Encoded, Example, Symbols, split
from rnnjax.models.recognizer import Recognizer


def make_measure(
    module: Recognizer, symbols: Symbols, batch_size: int
) -> Callable[..., dict[str, float]]:
    """Makes `measure(part, params, examples, data, written)`.

    The metrics begin with the name of the part:

    - `_loss`, nats per symbol, of the texts that their frames can spell;
    - `_error_rate`, edits per symbol, and `_substitutions`, `_deletions`,
      `_insertions`, the parts of it;
    - `_word_error_rate`, where symbols are characters;
    - `_exact`, the share of texts without any error.

    Args:
      module: the recognizer.
      symbols: what its numbers stand for.
      batch_size: examples computed at once.
    """
    graph = nnx.graphdef(module)

    def nats(params, batch: Batch):
        found = nnx.merge(graph, params).loss(
            batch.frames,
            batch.targets,
            mask=batch.mask,
            target_mask=batch.target_mask,
        )
        counted = batch.target_mask & found.feasible[:, None]
        return found.nats.sum(), counted.sum()

    nats = jax.jit(nats, compiler_options=quick_compile())

    def measure(
        part: str,
        params: Any,
        examples: Sequence[Example],
        data: Encoded,
        written: Sequence[str],
    ) -> dict[str, float]:
        batcher = Batcher(data, batch_size, max_shapes=1)  # compiled once
        total, count = 0.0, 0
        for rows in bucketing.rows_in_order(batcher.buckets):
            sums = jax.device_get(nats(params, batcher.batch(rows)))
            total, count = total + float(sums[0]), count + int(sums[1])
        errors = errors_of(examples, written, symbols.units)
        metrics = {
            "loss": total / max(count, 1),
            "error_rate": errors.rate,
            "substitutions": errors.substitutions,
            "deletions": errors.deletions,
            "insertions": errors.insertions,
            "exact": 1 - errors.sequences,
        }
        if symbols.units == "characters":
            metrics["word_error_rate"] = errors_of(examples, written, "words").rate
        return {f"{part}_{name}": value for name, value in metrics.items()}

    return measure


def errors_of(
    examples: Sequence[Example], written: Sequence[str], units: str
) -> ErrorRate:
    """Returns the error rate of what was written, in symbols of these units."""
    references = [[split(one.text, units)] for one in examples]
    return error_rate(references, [split(text, units) for text in written])


def score_of(metrics: dict[str, float]) -> float:
    """Returns the score by which parameters are chosen; the greater, the better.

    It is the error rate on the validation part, negated. A thousandth of the loss
    decides between equal rates, such as those before the first symbol is written.
    """
    return -metrics["validation_error_rate"] - 1e-3 * metrics["validation_loss"]


def show_texts(
    examples: Sequence[Example], written: Sequence[str], most: int = 20
) -> str:
    """Returns the first texts, with what was written for them."""
    lines = []
    for one, text in zip(examples[:most], written):
        lines += [one.name, f"  true:    {one.text}", f"  written: {text}"]
    return "\n".join(lines)


def show_errors(examples: Sequence[Example], written: Sequence[str]) -> str:
    """Returns all texts that were not written exactly."""
    wrong = [
        (one, text)
        for one, text in zip(examples, written)
        if one.text.split() != text.split()
    ]
    head = f"{len(wrong)} of {len(examples)} have errors"
    shown = show_texts([one for one, _ in wrong], [t for _, t in wrong], len(wrong))
    return f"{head}\n{shown}"
