"""What a line given to a trained run may be."""

import numpy as np
import pytest

from experiments.harness import BadInput
from experiments.series_classification.batches import Symbols
from experiments.series_classification.series import SeriesFlags
from experiments.series_classification.sets import RESIDUES
from experiments.series_classification.use import read_line

FLAGS = SeriesFlags()
TABLE = Symbols(("no", "yes"), ("x", "y"), (0.0,) * 2, (1.0,) * 2, "table", False)
RESIDUE = Symbols(("C", "H"), tuple(RESIDUES), (0.0,), (1.0,), "residues", True)


def test_channels_are_found_by_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("y,label,x\n1,no,2\n3,no,4\n")
    values = read_line(str(path), FLAGS, TABLE)
    np.testing.assert_array_equal(values, [[2, 1], [4, 3]])


def test_a_chain_of_residues():
    values = read_line("ACB", FLAGS, RESIDUE)
    np.testing.assert_array_equal(values.argmax(axis=1), [0, 1, 20])
    np.testing.assert_array_equal(values.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("line", "symbols", "message"),
    [
        ("", TABLE, "the line must be the path of a file, got ''"),
        ("no.csv", TABLE, "the line must be the path of a file, got 'no.csv'"),
        ("{}/b.csv", TABLE, "b.csv, line 1: the columns must include 'y', got x"),
        ("acd", RESIDUE, "a chain must be of capital letters such as MKV, got 'acd'"),
        ("", RESIDUE, "a chain must be of capital letters such as MKV, got ''"),
    ],
)
def test_bad_lines(tmp_path, line, symbols, message):
    (tmp_path / "b.csv").write_text("x\n1\n")
    with pytest.raises(BadInput, match=message):
        read_line(line.format(tmp_path), FLAGS, symbols)
