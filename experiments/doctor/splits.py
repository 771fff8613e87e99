"""Trouble between the parts of the data: what training knows of the test."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.doctor.finding import Finding, percent
from experiments.shared.inspection import Examples

SOME_DUPLICATES, MANY_DUPLICATES = 0.05, 0.2
SOME_QUOTED, MANY_QUOTED = 0.15, 0.5  # of a text, which may quote itself
WINDOW = 100  # steps of a text or a series that count as a duplicate
EXACT = 1e-4  # how near to 0 and 1 a scaler leaves mean and standard deviation


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


def duplicates(parts: Mapping[str, Examples]) -> Iterator[Finding]:
    """Finds examples of validation and test that are training examples too."""
    for name, part in parts.items():
        if name == "train" or not len(part.inputs):
            continue
        share = _known_share(parts["train"].inputs, part.inputs)
        is_text = len(part.inputs) == len(parts["train"].inputs) == 1
        some, many = SOME_DUPLICATES, MANY_DUPLICATES
        if is_text:
            some, many = SOME_QUOTED, MANY_QUOTED
        if share >= some:
            yield Finding(
                "duplicates across splits",
                "serious" if share >= many else "warning",
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


def _is_scaled(table: np.ndarray) -> bool:
    """Returns whether a scaler was fitted to exactly these steps."""
    off_mean, off_deviation = table.mean(axis=0), table.std(axis=0) - 1
    off_range = np.stack([table.min(axis=0), table.max(axis=0) - 1])
    is_standard = np.abs([off_mean, off_deviation]).max() < EXACT + 1 / len(table)
    return bool(is_standard or np.abs(off_range).max() < 1e-6)
