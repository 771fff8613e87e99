"""What a run measures, prints, draws and writes."""

from collections.abc import Callable, Sequence

import jax
import numpy as np
from flax import nnx

from experiments.harness import Run
from experiments.series_classification.baselines import fit_linear, most_frequent
from experiments.series_classification.batches import (
    Encoded,
    Symbols,
    bucket_series,
    encode,
)
from experiments.series_classification.series import Parts, Series
from experiments.shared import buckets as bucketing
from experiments.shared.classes import confusion_matrix, plot_confusions, scores_table
from rnnjax.models.sequence_classifier import SequenceClassifier

MOST_CLASSES = 40  # in the picture of confusions
MOST_ERRORS = 200  # in the file of errors
LINE = 100  # labels per line of that file

Predict = Callable[..., list[np.ndarray]]


def make_predict(module: SequenceClassifier, batch_size: int, by_step: bool) -> Predict:
    """Makes `predict(params, data, buckets=None)`.

    It returns the probabilities `[1, num_classes]` of each series, `[length,
    num_classes]` by steps. Series of similar length share a batch, in a few shapes, or
    in those of the buckets.
    """
    graph = nnx.graphdef(module)

    @jax.jit
    def run(params, inputs, mask):
        return jax.nn.softmax(nnx.merge(graph, params)(inputs, mask=mask))

    def predict(params, data, buckets=None):
        if buckets is None:
            buckets = bucket_series(data, batch_size)
        found = [np.zeros((0, 0), np.float32)] * len(data.values)
        for rows in bucketing.rows_in_order(buckets):
            inputs = bucketing.pad(data.values, rows)
            mask = bucketing.real_steps(buckets, rows)
            shares = jax.device_get(run(params, inputs, mask))
            for row, index in enumerate(rows.indices):
                if index >= 0:
                    own = shares[row, : data.lengths[index]] if by_step else shares[row]
                    found[index] = own.reshape(-1, shares.shape[-1])
        return found

    return predict


def measure(part: str, data: Encoded, found: Sequence[np.ndarray]) -> dict[str, float]:
    """Measures predictions.

    Args:
      part: validation or test, with which the names of the metrics begin.
      data: the series of the part.
      found: the probabilities that were predicted for them.

    Returns:
      `<part>_accuracy`, the share of labels that are right, and `<part>_loss`, nats per
      label.
    """
    targets, shares = np.concatenate(data.targets), np.concatenate(found)
    chosen = shares[np.arange(len(targets)), targets].astype(np.float64)
    nats = -np.log(np.maximum(chosen, np.finfo(np.float32).tiny))
    right = shares.argmax(axis=1) == targets
    return {f"{part}_accuracy": right.mean().item(), f"{part}_loss": nats.mean().item()}


def print_baselines(run: Run, data: Parts, symbols: Symbols) -> dict[str, float]:
    """Prints what the baselines reach; returns their accuracies on validation data."""
    train, validation, test = (
        encode(part, symbols) for part in (data.train, data.validation, data.test)
    )
    linear = fit_linear(train, validation, len(symbols.classes), symbols.by_step)
    constant = most_frequent(train)
    levels = {}
    for part, series in (("validation", validation), ("test", test)):
        if not series.values:
            continue
        targets = np.concatenate(series.targets)
        found = np.concatenate(linear.predict(series.values))
        shares = {
            f"always {symbols.classes[constant]}": (targets == constant).mean(),
            "linear": (found == targets).mean(),
        }
        text = ", ".join(f"{name} {share:.4f}" for name, share in shares.items())
        run.print(f"{part} accuracy of the baselines: {text}")
        levels = levels or {name: share.item() for name, share in shares.items()}
    return levels


def write_report(
    run: Run,
    done: int,
    series: Sequence[Series],
    data: Encoded,
    found: Sequence[np.ndarray],
    symbols: Symbols,
) -> None:
    """Prints scores by class and group, draws the confusions and writes the errors."""
    names, predicted = symbols.classes, [shares.argmax(axis=1) for shares in found]
    confusions = confusion_matrix(
        np.concatenate(data.targets), np.concatenate(predicted), len(names)
    )
    run.print(scores_table(confusions, names))
    groups = sorted({one.group for one in series})
    if len(groups) > 1:
        run.print(group_table(series, data, predicted))
    if len(names) <= MOST_CLASSES:
        run.write_plot("confusions", plot_confusions(confusions, names))
    describe = _describe_steps if symbols.by_step else _describe_series
    lines = [
        describe(one, targets, shares, names)
        for one, targets, shares in zip(series, data.targets, found)
        if (shares.argmax(axis=1) != targets).any()
    ]
    lines.sort()
    kept = [text for _, text in lines[:MOST_ERRORS]]
    kept.append(f"{len(lines)} of {len(series)} series have an error.")
    run.write_sample(done, "\n".join(kept) + "\n", "_errors.txt")


def group_table(
    series: Sequence[Series], data: Encoded, predicted: Sequence[np.ndarray]
) -> str:
    """Returns a table of the accuracy of each group, the lowest first."""
    right: dict[str, list[bool]] = {}
    for one, targets, classes in zip(series, data.targets, predicted):
        right.setdefault(one.group, []).extend((targets == classes).tolist())
    width = max(map(len, (*right, "group")))
    lines = [f"{'group':{width}} accuracy  count"]
    for group in sorted(right, key=lambda group: (np.mean(right[group]), group)):
        share, count = np.mean(right[group]), len(right[group])
        lines.append(f"{group:{width}} {share:8.3f} {count:6d}")
    return "\n".join(lines)


def _describe_series(one, targets, shares, names) -> tuple[float, str]:
    """Returns the probability of the label, and a line that says what was taken."""
    right, taken = shares[0, targets[0]].item(), shares[0].argmax().item()
    text = (
        f"{one.name}: {names[targets[0]]} ({right:.3f}) was taken for {names[taken]} "
        f"({shares[0, taken]:.3f})"
    )
    return right, text


def _describe_steps(one, targets, shares, names) -> tuple[float, str]:
    """Returns minus the share of wrong steps, and the labels, one row above another.

    Labels are written by their first letters, and wrong ones are marked.
    """
    found = shares.argmax(axis=1)
    wrong = int((found != targets).sum())
    rows = [
        "".join(names[i][:1] for i in targets),
        "".join(names[i][:1] for i in found),
        "".join(" ^"[int(a != b)] for a, b in zip(targets, found)),
    ]
    blocks = [
        "\n".join(f"  {row[i : i + LINE]}".rstrip() for row in rows)
        for i in range(0, len(targets), LINE)
    ]
    head = f"{one.name}: {wrong} of {len(targets)} wrong (true, predicted)"
    return -wrong / len(targets), "\n".join([head, *blocks])
