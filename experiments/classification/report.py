"""What a run of classification prints, draws and writes."""

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx

from experiments.classification.batches import Batches
from experiments.classification.figures import plot_numbers
from experiments.classification.loading import TextFlags, cut
from experiments.classification.measures import measure
from experiments.classification.modules import apply
from experiments.classification.targets import Symbols, loss_of
from experiments.data.labelled_texts import LabelledText
from experiments.harness import Run
from experiments.shared.attention_figure import plot_attention
from experiments.shared.classes import (
    confusion_matrix,
    label_scores,
    plot_confusions,
    scores_table,
)
from experiments.shared.training import num_weights
from experiments.shared.vectors import report_vectors
from rnnjax.attention import Pooling

MOST_CLASSES = 40  # in the picture of confusions
MOST_ERRORS = 200  # in the file of errors
NUM_SHOWN = 6  # texts in the picture of attention
Score = Callable[[Any, Batches], np.ndarray]


def make_scorer(module: Any) -> Score:
    """Makes `score(params, batches) -> [num_texts, num_outputs]` of a module."""
    graph = nnx.graphdef(module)

    @jax.jit
    def run(params, batch):
        return apply(nnx.merge(graph, params), batch)

    def score(params, batches):
        found = np.zeros((0, 0), np.float32)
        for indices, batch in batches.in_order():
            scores = np.asarray(run(params, batch))
            if batch.mask is None:
                scores = scores[batch.inputs.trees.roots[: len(indices)]]
            if not found.size:
                found = np.zeros((len(batches.targets), scores.shape[-1]), np.float32)
            found[indices] = scores[: len(indices)]
        return found

    return score


def describe(run: Run, prepared: Any, config: TextFlags) -> None:
    """Prints what is trained on what, and records the data."""
    parts, symbols = prepared.data, prepared.symbols
    for name, digest in parts.digests.items():
        run.record_data(name, digest)
    if prepared.vectors is not None:
        report_vectors(run, prepared.vectors)
    sizes = [
        f"{len(texts):,} for {name}"
        for name, texts in parts._asdict().items()
        if name != "digests" and texts
    ]
    labels = f", {len(symbols.labels)} labels" if symbols.labels else ""
    run.print(
        f"{', '.join(sizes)}; {len(symbols.words):,} words known{labels}; "
        f"{num_weights(nnx.as_pure(nnx.state(prepared.module))):,} weights"
    )
    most = config.max_length
    num_cut = sum(len(text.words) > (most or np.inf) for text in parts.train)
    if num_cut:
        run.print(
            f"{num_cut:,} training texts are longer than {most} words: their "
            f"{config.kept_end} ones are read"
        )


def measure_baseline(
    run: Run, name: str, prepared: Any, score: Callable[[Batches], np.ndarray]
) -> float:
    """Prints the scores of a baseline.

    Args:
      run: the run.
      name: what the baseline is called.
      prepared: the parts of its training.
      score: its scores of a part.

    Returns:
      That of the validation part by which parameters are chosen.
    """
    levels, metrics = [], {}
    for part in ("validation", "test"):
        batches = getattr(prepared, part)
        if batches is not None:
            scores = score(batches)
            found = measure(part, scores, batches.targets, prepared.symbols)
            metrics |= found.metrics
            levels.append(found.metrics[found.main])
    values = ", ".join(f"{key} {value:.4f}" for key, value in metrics.items())
    run.print(f"{name}: {values}")
    return levels[0]


def name_labels(scores: np.ndarray, symbols: Symbols) -> str:
    """Returns what the scores of one text say, as users write it."""
    if symbols.target == "number":
        return f"{symbols.mean + symbols.deviation * float(scores[0]):.4g}"
    if symbols.target == "label":
        return symbols.labels[int(scores.argmax())]
    return "|".join(np.array(symbols.labels, object)[scores > 0])


def finish(
    run: Run, done: int, prepared: Any, score: Score, params: Any
) -> dict[str, float]:
    """Tests the best parameters, and shows what they predict.

    Args:
      run: the run.
      done: updates done.
      prepared: the parts of the training.
      score: see `make_scorer`.
      params: the parameters.

    Returns:
      The metrics of the test part; none if there is no such part, and what is shown is
      the validation part.
    """
    symbols, texts, batches = prepared.symbols, prepared.data.test, prepared.test
    if batches is None:
        texts, batches = prepared.data.validation, prepared.validation
    scores = score(params, batches)
    show_classes(run, batches.targets, scores, symbols)
    losses = np.asarray(loss_of(symbols.target, scores, batches.targets))
    write_errors(run, done, texts, losses, scores, symbols)
    draw_attention(run, prepared.module, params, texts, batches, scores, symbols)
    if prepared.test is None:
        return {}
    return measure("test", scores, batches.targets, symbols).metrics


def write_errors(
    run: Run,
    done: int,
    texts: Sequence[LabelledText],
    losses: np.ndarray,
    scores: np.ndarray,
    symbols: Symbols,
) -> None:
    """Writes the texts with wrong predictions, those with the greatest loss first."""
    lines = []
    for i in np.argsort(-losses, kind="stable"):
        found = name_labels(scores[i], symbols)
        if found == texts[i].label or len(lines) == MOST_ERRORS:
            continue
        place = "" if texts[i].path is None else f" ({_place(texts[i])})"
        head = (
            f"loss {losses[i]:.2f}: {found or 'none'}, not {texts[i].label or 'none'}"
        )
        words = textwrap.shorten(" ".join(texts[i].words), 600, placeholder=" ...")
        lines.append(
            f"{head}{place}\n{textwrap.indent(textwrap.fill(words, 86), '  ')}"
        )
    run.write_sample(done, "\n".join(lines), "_errors.txt")


def show_classes(
    run: Run, targets: np.ndarray, scores: np.ndarray, symbols: Symbols
) -> None:
    """Prints the scores of every label, and draws what is taken for what."""
    if symbols.target == "number":
        numbers = (symbols.mean + symbols.deviation * x for x in (targets, scores))
        run.write_plot("predictions", plot_numbers(*numbers))
    elif symbols.target == "labels":
        table = scores_table(label_scores(targets > 0.5, scores > 0), symbols.labels)
        run.print(table)
    else:
        predicted = scores.argmax(axis=1)
        confusions = confusion_matrix(targets, predicted, symbols.num_outputs)
        run.print(scores_table(confusions, symbols.labels))
        if symbols.num_outputs <= MOST_CLASSES:
            run.write_plot("confusions", plot_confusions(confusions, symbols.labels))


def draw_attention(
    run: Run,
    module: Any,
    params: Any,
    texts: Sequence[LabelledText],
    batches: Batches,
    scores: np.ndarray,
    symbols: Symbols,
) -> None:
    """Draws the weights of the words of a few texts, if the pooling has weights.

    Args:
      run: the run.
      module: the network.
      params: its parameters.
      texts: the texts of a part.
      batches: its batches; the texts of the first one are drawn.
      scores: the scores of all texts.
      symbols: what they stand for.
    """
    indices, batch = next(iter(batches.in_order()))
    if batch.mask is None or not isinstance(getattr(module, "pooling", None), Pooling):
        return
    model = nnx.merge(nnx.graphdef(module), params)
    weights = np.asarray(
        jax.jit(type(model).weigh)(model, batch.inputs, mask=batch.mask)
    )
    config: Any = run.config
    shown = []
    for row in range(min(NUM_SHOWN, len(indices))):
        text = texts[indices[row]]
        own = weights[row, batch.mask[row]]
        words = cut(text.words, config)
        found = name_labels(scores[indices[row]], symbols) or "none"
        title = f"{found}, true: {text.label or 'none'}"
        shown.append((title, words, own))
    run.write_plot("attention", plot_attention(shown))


def _place(text: LabelledText) -> str:
    return str(text.path) if text.line is None else f"{text.path}, line {text.line}"
