"""Trouble of the data: what the examples of the parts show by themselves."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.doctor.finding import Finding, percent
from experiments.shared.inspection import Examples, Inspection

MOST_ONE_CLASS = 0.9
MOST_UNSEEN = 0.005
SOME_DUPLICATES, MANY_DUPLICATES = 0.05, 0.2
WINDOW = 50  # steps of a text or a series that count as a duplicate
LARGE = 100.0  # of what a network reads
EXACT = 1e-4  # how near to 0 and 1 a scaler leaves mean and standard deviation


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


def scaler_saw_the_test(tables: dict[str, np.ndarray]) -> Iterator[Finding]:
    """Finds a scaler that was fitted to more than the training part.

    Scaled values show which steps the scaler was fitted to: their mean is 0 and their
    standard deviation 1, or they range from 0 to 1, exactly.
    """
    train = tables["train"]
    varies = train.min(axis=0) < train.max(axis=0)
    varies &= ~np.isin(train, (0, 1)).all(axis=0)
    if not varies.any() or _is_scaled(train[:, varies]):
        return
    others = [name for name in ("validation", "test") if name in tables]
    for wrong in (others, others[:1], others[1:]):
        if wrong and _is_scaled(
            np.concatenate([train, *(tables[name] for name in wrong)])[:, varies]
        ):
            names = " and ".join(wrong)
            yield Finding(
                "scaler saw the test part",
                "serious",
                f"The inputs are scaled by the training and {names} parts together: "
                "over these the mean is 0 and the deviation 1, or the range from 0 to "
                "1, over the training part alone it is not. The training so knows "
                "of what it is tested on.",
                {},
                "Fit the scaler to the training part alone.",
            )
            return


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
            {"label_column": "another one", "target": "another one"},
            "Check which column is read as the target.",
        )


def duplicates(parts: Mapping[str, Examples]) -> Iterator[Finding]:
    """Finds examples of validation and test that are training examples too."""
    for name, part in parts.items():
        if name == "train" or not len(part.inputs):
            continue
        share = _known_share(parts["train"].inputs, part.inputs)
        if share >= SOME_DUPLICATES:
            yield Finding(
                "duplicates across splits",
                "serious" if share >= MANY_DUPLICATES else "warning",
                f"{percent(share)} of the {name} part, by steps, is word for word in "
                "the training part too. It measures memory, not what was learned.",
                {},
                "Remove duplicates before the data are split, or split by their "
                "source (person, document, time).",
            )


def _known_share(train: Sequence[Any], other: Sequence[Any]) -> float:
    """Returns the share of the steps of a part that occur in the training part."""
    if len(train) == len(other) == 1:
        ours, theirs = _windows(train[0]), _windows(other[0])
        return float(np.isin(theirs, ours).mean()) if len(theirs) else 0.0
    known = {_key(x) for x in train}
    sizes = np.array([np.size(x) for x in other], float)
    return float(sizes @ [_key(x) in known for x in other] / max(sizes.sum(), 1))


def _windows(steps: Any) -> np.ndarray:
    """Returns a hash of every window of a text or a series that is not constant."""
    rows = np.asarray(steps)
    rows = np.ascontiguousarray(rows.reshape(len(rows), -1))
    symbols = np.array([hash(row.tobytes()) for row in rows]).astype(np.uint64)
    number = len(symbols) - WINDOW + 1
    if number < 1:
        return np.zeros(0, np.uint64)
    hashes, changes = np.zeros(number, np.uint64), np.zeros(number, bool)
    for i in range(WINDOW):
        part = symbols[i : i + number]
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + part
        changes |= part != symbols[:number]
    return hashes[changes]


def _key(example: Any) -> Any:
    if isinstance(example, tuple | str):
        return example
    array = np.asarray(example)
    return array.shape, array.tobytes()


def _table(inputs: Sequence[Any]) -> np.ndarray | None:
    """Returns the steps of all examples, `[N, columns]`; None if they are symbols."""
    arrays = [x for x in map(np.asarray, inputs) if x.dtype.kind == "f" and x.ndim > 1]
    if not arrays or len({x.shape[-1] for x in arrays}) > 1:
        return None
    table = np.concatenate([x.reshape(-1, x.shape[-1]) for x in arrays])
    return table[np.isfinite(table).all(axis=1)].astype(np.float64)


def _is_scaled(table: np.ndarray) -> bool:
    """Returns whether a scaler was fitted to exactly these steps."""
    off_mean, off_deviation = table.mean(axis=0), table.std(axis=0) - 1
    off_range = np.stack([table.min(axis=0), table.max(axis=0) - 1])
    is_standard = np.abs([off_mean, off_deviation]).max() < EXACT + 1 / len(table)
    return bool(is_standard or np.abs(off_range).max() < 1e-6)


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
