"""Trouble planted in data and in batches is found by its name."""

import numpy as np
import pytest

from experiments.doctor.batches import check_batches, read_epoch
from experiments.doctor.data import check_data
from experiments.doctor.finding import Finding, describe
from experiments.shared.inspection import Examples
from experiments.shared.optimizers import OptimizerFlags
from tests.experiments.doctor.trainings import (
    NUM_EXAMPLES,
    Batch,
    batches,
    labels,
    series,
    training,
)

RAW = [5 + 3 * x for x in series(90, seed=3)]  # not scaled
TRAIN, VALIDATION, TEST = RAW[:60], RAW[60:75], RAW[75:]


def found(inspection):
    return {finding.name: finding for finding in check_data(inspection)}


def found_in_batches(inspection):
    return {x.name: x for x in check_batches(inspection, read_epoch(inspection))}


def parts(train, validation=VALIDATION, test=TEST, targets=None):
    every = {"train": train, "validation": validation, "test": test}
    return {name: Examples(x, targets) for name, x in every.items()}


def standardized(by):
    steps = np.concatenate(by)
    return parts(
        *(
            [(x - steps.mean(0)) / steps.std(0) for x in part]
            for part in (TRAIN, VALIDATION, TEST)
        )
    )


def in_range(by):
    steps = np.concatenate(by)
    low, high = steps.min(0), steps.max(0)
    return parts(
        *(
            [(x - low) / (high - low) for x in part]
            for part in (TRAIN, VALIDATION, TEST)
        )
    )


def broken(place, value):
    inputs = [x.copy() for x in TRAIN]
    inputs[place[0]][place[1:]] = value
    return inputs


def test_healthy_data_and_batches():
    assert not found(training()) and not found_in_batches(training())


def test_a_value_that_is_not_finite():
    trouble = found(training(parts=parts(broken((4, 7, 1), np.nan))))
    assert trouble.keys() == {"non-finite inputs"}
    text = trouble["non-finite inputs"].text
    assert "1 of 60 train examples" in text and "example 4, at [7, 1]" in text
    number, batch = batches(broken((8, 3, 0), np.inf), labels(TRAIN))
    trouble = found_in_batches(training(batch=batch, epoch_length=number, num_rows=60))
    assert "update 1" in trouble["non-finite batch"].text
    assert "[2, 3, 0]" in trouble["non-finite batch"].text


def test_a_target_that_is_not_finite():
    targets = [np.array([1.0, np.inf]), np.array([2.0, 3.0])]
    train = {"train": Examples(TRAIN[:2], targets)}
    assert "non-finite targets" in found(training(parts=train))


def test_a_constant_column():
    still = [np.concatenate([x, 0 * x[:, :1] + 7], axis=1) for x in TRAIN]
    trouble = found(training(parts={"train": Examples(still)}))
    assert trouble.keys() == {"constant columns"}
    assert "1 of 3 columns" in trouble["constant columns"].text
    silent = [(x > 4).astype(float) * [0, 1] for x in TRAIN]  # keys never played
    assert not found(training(parts={"train": Examples(silent)}))


def test_inputs_in_their_own_unit():
    trouble = found(training(parts={"train": Examples([1013 + x for x in TRAIN])}))
    assert "inputs not scaled" in trouble


@pytest.mark.parametrize("scale", [standardized, in_range])
def test_a_scaler_that_saw_the_test_part(scale):
    name = "scaler saw the test part"
    assert not found(training(parts=scale(TRAIN)))
    assert not found(training(parts=parts(TRAIN)))
    trouble = found(training(parts=scale(TRAIN + VALIDATION + TEST)))
    assert "training and validation and test parts" in trouble[name].text
    assert name in found(training(parts=scale(TRAIN + TEST)))


def test_class_balance():
    targets = np.array([["O"] * 19 + ["B-X"]] * 3)
    dominated = {"train": Examples([("a",) * 20] * 3, targets)}
    trouble = found(training(parts=dominated))["one class dominates"]
    assert trouble.level == "warning" and "95 %" in trouble.text
    unseen = {"train": Examples([("a",), ("b",)], ["x", "y"])}
    unseen["test"] = Examples([("c",), ("d",), ("e",), ("f",)], ["x", "z", "x", "y"])
    trouble = found(training(parts=unseen))["classes that are never learned"]
    assert "25 %" in trouble.text and "'z'" in trouble.text


def test_targets_that_are_all_the_same():
    train = {"train": Examples(TRAIN, [3.5] * len(TRAIN))}
    assert found(training(parts=train)).keys() == {"constant targets"}


def test_duplicates_across_splits():
    copied = [*VALIDATION[:12], *TRAIN[:3]]
    trouble = found(training(parts=parts(TRAIN, copied)))
    assert trouble["duplicates across splits"].level == "serious"
    assert "20 % of the validation part" in trouble["duplicates across splits"].text
    few = [*VALIDATION[:14], TRAIN[0]]
    few_found = found(training(parts=parts(TRAIN, few)))["duplicates across splits"]
    assert few_found.level == "warning"


def test_duplicates_in_a_text():
    text = np.random.default_rng(0).integers(0, 9, 1000).astype(np.int32)
    copied = np.concatenate([text[850:900], text[200:370]])
    once = {"train": Examples([text[:800]]), "test": Examples([text[800:]])}
    assert not found(training(parts=once))
    twice = {**once, "test": Examples([copied])}
    # Of 121 windows of 100 steps, 71 are within the copied 170 steps.
    trouble = found(training(parts=twice))["duplicates across splits"]
    assert "59 %" in trouble.text
    silent = np.zeros(300, np.int32)
    assert not found(
        training(parts={"train": Examples([silent]), "test": Examples([silent])})
    )


# ---- batches


def of_rows(number, **changes):
    """A training whose epoch reads so many of the examples."""
    inputs = series(NUM_EXAMPLES + 9)[:number]
    epoch_length, batch = batches(inputs, labels(inputs))
    return training(batch=batch, epoch_length=epoch_length, **changes)


def test_the_last_batch():
    dropped = found_in_batches(of_rows(NUM_EXAMPLES - 6))
    assert dropped.keys() == {"last batch dropped"}
    assert "reads 30 of 36" in dropped["last batch dropped"].text
    twice = found_in_batches(of_rows(NUM_EXAMPLES + 6))
    assert twice.keys() == {"examples counted twice"}
    short = found_in_batches(of_rows(NUM_EXAMPLES - 2, num_rows=NUM_EXAMPLES - 2))
    assert short.keys() == {"last batch recompiled"}
    assert "6 rows, but 1 of the epoch 4" in short["last batch recompiled"].text


def padded(num_real):
    _, batch = batches(TRAIN, labels(TRAIN))

    def short(i):
        mask = np.zeros_like(batch(i).mask)
        mask[:, :num_real] = True
        return batch(i)._replace(mask=mask)

    return training(batch=short, epoch_length=10, num_rows=60)


def test_padding():
    assert not found_in_batches(padded(6))
    assert "64 %" in found_in_batches(padded(4))["mostly padding"].text


def test_many_shapes():
    def batch(i):
        shape = 4, 3 + i
        return Batch(np.ones((*shape, 2)), np.zeros(4, int), np.ones(shape, bool))

    made = training(batch=batch, epoch_length=20, num_rows=80)
    assert found_in_batches(made).keys() == {"many shapes"}


def test_a_text_that_is_left_unread():
    text = np.arange(1000)

    def batch(i):
        inputs = text[: 3 * 7].reshape(3, 7)
        return Batch(inputs, inputs, None)  # type: ignore

    made = {"batch": batch, "num_rows": None, "parts": {"train": Examples([text])}}
    assert found_in_batches(training(epoch_length=45, **made)) == {}
    unread = found_in_batches(training(epoch_length=40, **made))
    assert "16 %" in unread["text left unread"].text


def test_what_is_printed_names_the_flags_that_there_are():
    finding = Finding("bad", "warning", "It is.", {"max_norm": 1, "none": 2}, "Mend.")
    config = OptimizerFlags()
    assert describe(finding, config).endswith("Change: --max-norm 1")
    assert describe(finding._replace(flags={"none": 2}), config).endswith("  Mend.")
