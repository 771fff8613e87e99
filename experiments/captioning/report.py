"""What a run of captioning measures."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.captioning.batches import Batch, Batcher
from experiments.captioning.loading import Examples, Symbols
from experiments.captioning.scores import bleu
from experiments.captioning.writing import as_read
from rnnjax import cross_entropy
from rnnjax.models.captioner import Captioner


def batch_nats(model: Captioner, batch: Batch, key: Any = None) -> jax.Array:
    """Returns the sum of the cross entropies of a batch's captions, nats."""
    logits = model(as_read(batch.images, model), batch.inputs, mask=batch.mask, key=key)
    # The losses of rnnjax are time first.
    logits, targets, mask = (
        jnp.swapaxes(x, 0, 1) for x in (logits, batch.targets, batch.mask)
    )
    return cross_entropy(logits, targets, mask).sum()


def make_measure(
    module: Captioner, symbols: Symbols, batch_size: int, num_captions: int
) -> Callable[..., dict[str, float]]:
    """Makes `measure(part, params, examples, written)`.

    The metrics begin with the name of the part:

    - `_loss`, nats per word of all true captions, their ends included, and
      `_perplexity`, its exp;
    - `_shuffled_loss`, the same where every image is replaced by the next one's, not of
      the validation part: what is lost is what the captions owe to their own image;
    - `_bleu1` to `_bleu4` of what was written, against all captions of an image;
    - `_exact`, the share of images for which a true caption was written exactly.
    """
    graph = nnx.graphdef(module)

    @jax.jit
    def nats_of(params, batch: Batch):
        return batch_nats(nnx.merge(graph, params), batch)

    def mean_nats(params, examples: Examples) -> float:
        total, count = 0.0, 0
        batcher = Batcher(examples, symbols, batch_size, num_captions)
        for batch in batcher.in_order():
            total += float(nats_of(params, batch))
            count += int(batch.mask.sum())
        return total / count

    def measure(part: str, params, examples: Examples, written: Sequence[str]):
        loss = mean_nats(params, examples)
        exact = [text in own for text, own in zip(written, examples.captions)]
        metrics = {
            "loss": loss,
            "perplexity": float(np.exp(loss)),
            "exact": float(np.mean(exact)),
        }
        if part != "validation":
            others = examples._replace(images=np.roll(examples.images, 1, axis=0))
            metrics["shuffled_loss"] = mean_nats(params, others)
        scores = bleu(examples.captions, written).scores
        metrics |= {f"bleu{n}": score for n, score in enumerate(scores, 1)}
        return {f"{part}_{name}": value for name, value in metrics.items()}

    return measure


def join(
    tested: Sequence[tuple[Examples, Sequence[str]]],
) -> tuple[Examples, list[str]]:
    """Joins parts with what was written for them."""
    parts, written = zip(*tested)
    images = np.concatenate([own.images for own in parts])
    captions, names = (
        [x for own in parts for x in getattr(own, field)]
        for field in ("captions", "names")
    )
    return Examples(images, captions, names), [x for own in written for x in own]


def show_samples(examples: Examples, written: Sequence[str], most: int = 20) -> str:
    """Returns the first images' captions, and what was written for them."""
    lines = []
    for name, captions, text in zip(examples.names[:most], examples.captions, written):
        lines += [name, *(f"  true:    {caption}" for caption in captions)]
        lines.append(f"  written: {text}")
    return "\n".join(lines)
