"""Trouble of the data: what the examples of the parts show by themselves."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.doctor.finding import Finding, percent
from experiments.doctor.splits import duplicates, scaler_saw_the_test
from experiments.shared.inspection import Examples, Inspection

MOST_ONE_CLASS = 0.9
MOST_UNSEEN = 0.005
LARGE = 100.0  # of what a network reads


def check_data(inspection: Inspection) -> Iterator[Finding]:
    """Yields what is wrong with the examples."""
    parts = inspection.parts
    for name, part in parts.items():
        yield from non_finite(name, part)
    if "train" not in parts:
        return
    train = parts["train"]
    tables = {name: _table(part.inputs) for name, part in parts.items()}
    if tables["train"] is not None:
        yield from constant_columns(tables["train"])
        yield from not_scaled(tables["train"])
        yield from scaler_saw_the_test(
            {n: x for n, x in tables.items() if x is not None}
        )
    if train.targets is not None:
        yield from class_balance(parts)
        yield from constant_targets(train.targets)
    yield from duplicates(parts)


def non_finite(part: str, examples: Examples) -> Iterator[Finding]:
    """Finds NaN and infinities in the examples of a part."""
    for kind, values in (("inputs", examples.inputs), ("targets", examples.targets)):
        values = () if values is None else values
        bad = [i for i, x in enumerate(values) if not _is_finite(x)]
        if bad:
            place = np.argwhere(~np.isfinite(np.asarray(values[bad[0]])))[0].tolist()
            yield Finding(
                f"non-finite {kind}",
                "serious",
                f"{len(bad):,} of {len(values):,} {part} examples hold NaN or infinite "
                f"{kind}; the first is example {bad[0]}, at {place} (counted from 0).",
                {"fill": "says what stands for a missing value"},
                "Remove or replace these values in the file.",
            )


def constant_columns(table: np.ndarray) -> Iterator[Finding]:
    """Finds columns of the training inputs that never change."""
    if _is_binary(table):  # such as keys of a piano that no piece plays
        return
    is_constant = table.min(axis=0) == table.max(axis=0)
    if is_constant.any():
        columns = np.flatnonzero(is_constant).tolist()
        yield Finding(
            "constant columns",
            "warning",
            f"{len(columns)} of {table.shape[1]} columns of the training inputs have "
            f"the same value at all {len(table):,} steps: {_few(columns)} (counted "
            "from 0). They tell the network nothing, and are any number in the test.",
            {"inputs": "leave these columns out"},
            "Leave these columns out.",
        )


def not_scaled(table: np.ndarray) -> Iterator[Finding]:
    """Finds columns that are far from the range in which networks learn well."""
    sizes = np.abs(table.mean(axis=0)) + table.std(axis=0)
    if (sizes > LARGE).any():
        column = int(sizes.argmax())
        yield Finding(
            "inputs not scaled",
            "serious",
            f"Column {column} of the training inputs has mean "
            f"{table[:, column].mean():.4g} and standard deviation "
            f"{table[:, column].std():.4g}. Such numbers saturate every gate.",
            {},
            "Subtract the mean and divide by the standard deviation of the training "
            "part.",
        )


def class_balance(parts: Mapping[str, Examples]) -> Iterator[Finding]:
    """Finds one class that hides the others, and classes that cannot be learned."""
    counts = {name: _count_classes(part.targets) for name, part in parts.items()}
    train, total = counts["train"], counts["train"].total()
    if not total:
        return
    (label, most), *_ = train.most_common(1)
    if most / total >= MOST_ONE_CLASS:
        yield Finding(
            "one class dominates",
            "warning",
            f"{percent(most / total)} of the {total:,} training targets are {label!r}. "
            "Who always says so has that accuracy: look at the scores per class.",
            {"class_weights": "balanced", "class_weight": "balanced"},
            "Compare with the baseline of the most frequent class, and judge by F1 or "
            "by the accuracy of each class.",
        )
    for name in counts.keys() - {"train"}:
        unseen = {x: n for x, n in counts[name].items() if x not in train}
        share = sum(unseen.values()) / max(counts[name].total(), 1)
        if share > MOST_UNSEEN:
            yield Finding(
                "classes that are never learned",
                "warning",
                f"{percent(share)} of the {name} targets are of {len(unseen)} classes "
                f"that no training example has: {_few(sorted(map(repr, unseen)))}.",
                {},
                "Split the data anew, so that every class is in the training part.",
            )


def constant_targets(targets: Sequence[Any]) -> Iterator[Finding]:
    """Finds training targets that are all the same."""
    flat = [np.ravel(x) for x in targets]
    if flat and len(np.unique(np.concatenate(flat))) == 1:
        yield Finding(
            "constant targets",
            "serious",
            f"All training targets are {flat[0][0]!s}: there is nothing to learn.",
            {"label_column": "another one"},
            "Check which column is read as the target.",
        )


def _table(inputs: Sequence[Any]) -> np.ndarray | None:
    """Returns the steps of all examples, `[N, columns]`; None if they are symbols."""
    arrays = [x for x in map(np.asarray, inputs) if x.dtype.kind == "f" and x.ndim > 1]
    if not arrays or len({x.shape[-1] for x in arrays}) > 1:
        return None
    table = np.concatenate([x.reshape(-1, x.shape[-1]) for x in arrays])
    return table[np.isfinite(table).all(axis=1)].astype(np.float64)


def _is_binary(table: np.ndarray) -> bool:
    return bool(np.isin(table, (0, 1)).all())


def _is_finite(example: Any) -> bool:
    array = np.asarray(example)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _count_classes(targets: Sequence[Any] | None) -> Counter[Any]:
    """Counts classes; numbers that are not whole are none."""
    counts: Counter[Any] = Counter()
    for target in () if targets is None else targets:
        array = np.asarray(target)
        if array.dtype.kind != "f":
            counts.update(array.ravel().tolist())
    return counts


def _few(values: Sequence[Any], most: int = 5) -> str:
    shown = ", ".join(map(str, values[:most]))
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"
