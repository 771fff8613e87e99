"""What a run of tagging measures, prints, draws and writes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.data.sentences import Sentence
from experiments.harness import Run
from experiments.shared.classes import confusion_matrix, plot_confusions, scores_table
from experiments.shared.figures import score_curve
from experiments.tagging.baselines import FrequentTags
from experiments.tagging.loading import Parts
from experiments.tagging.prediction import Found
from experiments.tagging.scores import accuracy, has_spans, score_spans, spans_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CLASSES = 40  # in the picture of confusions


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
        spans = score_spans(true, found.tags)[""]
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
    metrics: Sequence[Mapping[str, Any]], score: str, levels: Mapping[str, float]
) -> "Figure":
    """Draws the loss of training, and beside it the score of validation."""
    ylabel = "training loss, nats per word"
    return score_curve(metrics, score, levels=levels, ylabel=ylabel)


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
    if has_spans(names):
        true_tags = [sentence.tags for sentence in sentences]
        run.print(spans_table(score_spans(true_tags, found.tags)))
    if len(names) <= MOST_CLASSES:
        run.write_plot("confusions", plot_confusions(confusions, names))
    lines = []
    labels = found.labels or [sentence.label for sentence in sentences]
    for sentence, tags, label in zip(sentences, found.tags, labels):
        wrong = sum(a != b for a, b in zip(sentence.tags, tags))
        wrong += sentence.label != label
        if wrong:
            words = " ".join(
                word if true == tag else f"{word} [{tag}, not {true}]"
                for word, true, tag in zip(sentence.words, sentence.tags, tags)
            )
            if sentence.label != label:
                words += f"  [{label}, not {sentence.label}]"
            lines.append((wrong, words))
    lines.sort(key=lambda line: -line[0])
    text = "\n".join(f"{wrong} wrong: {words}" for wrong, words in lines)
    run.write_sample(done, text, "_errors.txt")
