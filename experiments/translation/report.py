"""What a run of translation measures and writes."""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from flax import nnx

from experiments.data.pairs import Pair
from experiments.shared import buckets as bucketing
from experiments.shared.compiling import quick_compile
from experiments.shared.edits import error_rate
from experiments.shared.figures import new_figure
from experiments.translation.batches import Batch, Batcher
from experiments.translation.loading import PairFlags
from experiments.translation.scores import text_scores
from experiments.translation.sets import SETS
from experiments.translation.symbols import Symbols, encode
from rnnjax import cross_entropy, decoding
from rnnjax.models.encoder_decoder import EncoderDecoder

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def main_score(flags: PairFlags) -> str:
    """Returns the name of the validation score by which parameters are chosen."""
    score = "bleu" if flags.is_own else SETS[flags.dataset].score
    if flags.units_of("target") == "characters":
        score = "exact"
    return f"validation_{score}"


def make_measure(
    module: EncoderDecoder, symbols: Symbols, config: Any
) -> Callable[..., dict[str, float]]:
    """Makes `measure(part, params, pairs, written)`.

    The metrics begin with the name of the part:

    - `_loss`, nats per symbol with full teacher forcing, and `_perplexity`, its exp;
    - `_free_perplexity`, of the same targets when the decoder reads only what it chose
      itself, greedily;
    - `_exact`, the share of targets that were written without any error;
    - `_error_rate`, edits per symbol, with its parts;
    - `_bleu` and `_chrf`, where targets are made of words or pieces.
    """
    nats_of = _make_nats(module)

    def measure(part, params, pairs: Sequence[Pair], written: Sequence[str]):
        forced, free = _mean_nats(nats_of, params, pairs, symbols, config)
        split = symbols.split_target
        references = [list(map(split, pair.targets)) for pair in pairs]
        errors = error_rate(references, list(map(split, written)))
        metrics = {
            "loss": forced,
            "perplexity": float(jnp.exp(forced)),
            "free_perplexity": float(jnp.exp(free)),
            "exact": 1 - errors.sequences,
            "error_rate": errors.rate,
            "substitutions": errors.substitutions,
            "deletions": errors.deletions,
            "insertions": errors.insertions,
        }
        if symbols.target_units != "characters":
            scores = text_scores([pair.targets[0] for pair in pairs], written)
            metrics |= {"bleu": scores.bleu, "chrf": scores.chrf}
        return {f"{part}_{name}": value for name, value in metrics.items()}

    return measure


def _make_nats(module: EncoderDecoder) -> Callable[..., Any]:
    """Makes `nats(params, batch)`: sums over a batch, forced and free-running."""
    graph = nnx.graphdef(module)

    @functools.partial(jax.jit, compiler_options=quick_compile())
    def nats(params, batch: Batch):
        model = nnx.merge(graph, params)
        encoded = model.encode(
            batch.source, mask=batch.source_mask, copied=batch.copied
        )
        own, carry = model.begin(encoded)
        inputs, targets, mask = (
            jnp.swapaxes(x, 0, 1) for x in (batch.inputs, batch.targets, batch.mask)
        )
        free = decoding.scheduled_inputs(
            model.layer,
            own,
            inputs,
            jax.random.key(0),
            1.0,
            sampler=decoding.greedy,
            carry=carry,
            mask=mask,
        )
        sums = []
        for read in (inputs, free):
            _, logits = model.layer.apply(own, carry, read, mask=mask)
            sums.append(cross_entropy(logits, targets, mask).sum())
        return sums

    return nats


def _mean_nats(nats_of, params, pairs, symbols, config) -> list[float]:
    data = encode(pairs, symbols, config.copy)
    batcher = Batcher(data, symbols, config.batch_size)
    totals, count = [0.0, 0.0], 0
    for rows in bucketing.rows_in_order(batcher.buckets):
        batch = batcher.batch(rows)
        sums = jax.device_get(nats_of(params, batch))
        totals = [total + float(own) for total, own in zip(totals, sums)]
        count += int(batch.mask.sum())
    return [total / count for total in totals]


def show_samples(pairs: Sequence[Pair], written: Sequence[str], most: int = 20) -> str:
    """Returns the first pairs with what was written for them."""
    lines = []
    for pair, text in zip(pairs[:most], written):
        lines += [pair.source, f"  true:    {pair.targets[0]}", f"  written: {text}"]
    return "\n".join(lines)


def show_errors(pairs: Sequence[Pair], written: Sequence[str]) -> str:
    """Returns all pairs whose target was not written exactly."""
    wrong = [
        (pair, text) for pair, text in zip(pairs, written) if text not in pair.targets
    ]
    head = f"{len(wrong)} of {len(pairs)} are not exact"
    shown = show_samples([pair for pair, _ in wrong], [t for _, t in wrong], len(wrong))
    return f"{head}\n{shown}"


def make_picture(
    module: EncoderDecoder, symbols: Symbols, copies: bool, num_pairs: int = 4
) -> Callable[[Any, Sequence[Pair]], "Figure"]:
    """Makes `picture(params, pairs)`: what is looked at while writing the first pairs.

    Args:
      module: the model, with its weights shown.
      symbols: its vocabularies.
      copies: whether it copies words.
      num_pairs: pairs in the picture at most.
    """
    graph = nnx.graphdef(module)

    @functools.partial(jax.jit, compiler_options=quick_compile())
    def weigh(params, batch: Batch):
        shown = nnx.merge(graph, params)(
            batch.source,
            batch.inputs,
            source_mask=batch.source_mask,
            copied=batch.copied,
            mask=batch.mask,
        )
        return shown["weights"]

    def picture(params: Any, pairs: Sequence[Pair]) -> "Figure":
        chosen = pairs[:num_pairs]
        data = encode(chosen, symbols, copies)
        batcher = Batcher(data, symbols, len(chosen), max_shapes=1)
        (rows,) = bucketing.rows_in_order(batcher.buckets)
        weights = jax.device_get(weigh(params, batcher.batch(rows)))
        figure = new_figure(4.0 * len(chosen), 4.2)
        panels = figure.subplots(1, len(chosen), squeeze=False)[0]
        for axes, pair, own in zip(panels, chosen, weights):
            source = (*symbols.split_source(pair.source), "end")
            target = (*symbols.split_target(pair.targets[0]), "end")
            size = len(target), len(source)
            axes.imshow(own[: size[0], : size[1]], cmap="Greys", vmin=0, aspect="auto")
            axes.set_xticks(range(size[1]), source, rotation=90, fontsize=6)
            axes.set_yticks(range(size[0]), target, fontsize=7)
            axes.set(xlabel="read", ylabel="written")
        return figure

    return picture
