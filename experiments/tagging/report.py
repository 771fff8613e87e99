"""What a run of tagging measures, prints, draws and writes."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from flax import nnx

from experiments.data.sentences import Sentence
from experiments.harness import Run
from experiments.shared import buckets as bucketing
from experiments.shared.classes import confusion_matrix, plot_confusions, scores_table
from experiments.shared.figures import BLUE, ORANGE, hide_frame, new_figure
from experiments.tagging.baselines import FrequentTags
from experiments.tagging.loading import Batcher, Parts, Symbols, encode
from experiments.tagging.scores import SpanScores, accuracy, has_spans, score_spans
from rnnjax.models.tagger import Tagger

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CLASSES = 40  # in the picture of confusions
Tags = Sequence[str]


class Found(NamedTuple):
    """What was predicted for the sentences of a part.

    Attributes:
      tags: the tags of each sentence.
      labels: the label of each sentence; None if sentences have none.
    """

    tags: list[Tags]
    labels: list[str] | None = None


def make_predict(
    module: Tagger, symbols: Symbols, batch_size: int
) -> Callable[[Any, Sequence[Sentence]], Found]:
    """Makes `predict(params, sentences)`.

    The sentences of one length share a batch, in a few shapes.
    """
    graph = nnx.graphdef(module)

    @jax.jit
    def run(params, words, mask):
        model = nnx.merge(graph, params)
        labels = model(words, mask=mask).label_logits
        return model.predict(words, mask=mask), labels

    def predict(params, sentences):
        data = encode(sentences, symbols)
        buckets = bucketing.make_buckets(data.lengths, batch_size)
        batcher = Batcher(data, buckets)
        tags: list[Tags] = [()] * len(sentences)
        labels = [""] * len(sentences)
        for rows in bucketing.rows_in_order(buckets):
            batch = batcher.batch(rows)
            found, logits = jax.device_get(run(params, batch.words, batch.mask))
            for row, index in enumerate(rows.indices):
                if index >= 0:
                    chosen = found[row, : data.lengths[index]]
                    tags[index] = [symbols.tags[tag] for tag in chosen]
                    if logits is not None:
                        labels[index] = symbols.labels[logits[row].argmax()]
        return Found(tags, labels if symbols.labels else None)

    return predict


def measure(part: str, sentences: Sequence[Sentence], found: Found) -> dict[str, float]:
    """Measures predictions.

    Args:
      part: validation or test, with which the names of the metrics begin.
      sentences: the sentences of the part.
      found: what was predicted for them.

    Returns:
      `<part>_accuracy`, the share of words with the right tag; `<part>_f1`, precision
      and recall of spans, where tags are those of spans; and `<part>_label_accuracy`.
    """
    true = [sentence.tags for sentence in sentences]
    metrics = {f"{part}_accuracy": accuracy(true, found.tags)}
    if has_spans(tag for tags in true for tag in tags):
        spans: SpanScores = score_spans(true, found.tags)[""]
        metrics[f"{part}_f1"] = spans.f1
        metrics[f"{part}_precision"] = spans.precision
        metrics[f"{part}_recall"] = spans.recall
    if found.labels is not None:
        right = [s.label == label for s, label in zip(sentences, found.labels)]
        metrics[f"{part}_label_accuracy"] = sum(right) / len(right)
    return metrics


def main_score(metrics: Mapping[str, float]) -> str:
    """Returns the name of the validation score by which parameters are chosen."""
    names = ("validation_f1", "validation_accuracy")
    return next(name for name in names if name in metrics)


def print_baseline(run: Run, parts: Parts) -> dict[str, float]:
    """Prints the scores of the most frequent tags; returns a level for the figure."""
    tagger = FrequentTags(parts.train)
    levels = {}
    for part in ("validation", "test"):
        sentences = getattr(parts, part)
        if sentences:
            found = Found([tagger.tag(sentence.words) for sentence in sentences])
            metrics = measure(part, sentences, found)
            values = ", ".join(f"{name} {x:.4f}" for name, x in metrics.items())
            run.print(f"most frequent tags: {values}")
            if part == "validation":
                levels["most frequent tags"] = metrics[main_score(metrics)]
    return levels


def plot_scores(
    metrics: Sequence[Mapping[str, Any]], levels: Mapping[str, float]
) -> "Figure":
    """Draws the loss of training, and beside it the score of validation."""
    name = main_score([line for line in metrics if "validation_accuracy" in line][-1])
    figure = new_figure(9.0, 3.8)
    loss_axes, score_axes = figure.subplots(1, 2)
    losses = [(line["update"], line["loss"]) for line in metrics if "loss" in line]
    scores = [(line["update"], line[name]) for line in metrics if name in line]
    loss_axes.plot(*zip(*losses), color=BLUE, linewidth=0.8)
    loss_axes.set_ylabel("training loss, nats per word")
    score_axes.plot(*zip(*scores), "o-", color=ORANGE, markersize=3.5)
    for label, level in levels.items():
        score_axes.axhline(level, color="0.45", linestyle="--", label=label)
    score_axes.set_ylabel(name.replace("_", " "))
    score_axes.legend(frameon=False)
    for axes in (loss_axes, score_axes):
        axes.set_xlabel("updates")
    hide_frame(loss_axes, score_axes)
    return figure


def write_errors(
    run: Run, done: int, sentences: Sequence[Sentence], found: Found
) -> None:
    """Writes wrong tags, the worst sentences first, and draws the confusions."""
    names = sorted({tag for sentence in sentences for tag in sentence.tags})
    names += sorted({tag for tags in found.tags for tag in tags} - set(names))
    index = {name: i for i, name in enumerate(names)}
    true, predicted = (
        np.array([index[tag] for tags in part for tag in tags])
        for part in ([sentence.tags for sentence in sentences], found.tags)
    )
    confusions = confusion_matrix(true, predicted, len(names))
    run.print(scores_table(confusions, names))
    if len(names) <= MOST_CLASSES:
        run.write_plot("confusions", plot_confusions(confusions, names))
    lines = []
    for sentence, tags in zip(sentences, found.tags):
        wrong = sum(a != b for a, b in zip(sentence.tags, tags))
        if wrong:
            words = " ".join(
                word if true == tag else f"{word} [{tag}, not {true}]"
                for word, true, tag in zip(sentence.words, sentence.tags, tags)
            )
            lines.append((wrong, words))
    lines.sort(key=lambda line: -line[0])
    text = "\n".join(f"{wrong} wrong: {words}" for wrong, words in lines)
    run.write_sample(done, text, "_errors.txt")
