import numpy as np
import pytest

from experiments.data import recordings
from experiments.data.tables import numbers
from experiments.harness.errors import BadInput
from tests.data.mutations import mutations

TS = """\
# made
@problemName Made
@timeStamps false
@classLabel true low high

@data
1,2.5,-3e1:4,5,6:low
# between
7,8:9,10:high
"""
ARFF = """\
% made
@RELATION made
@ATTRIBUTE 'left side' NUMERIC
@attribute right\tNUMERIC
@ATTRIBUTE eye {0, 1}

@DATA
1.5, 2,0
% between
-3,4e1,1
"""


@pytest.fixture
def read(tmp_path):
    def read(content, reader=recordings.read_ts):
        path = tmp_path / "made.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return reader(path)

    return read


def test_series_of_unequal_lengths(read):
    first, second = read(TS)
    np.testing.assert_array_equal(first.values, [[1, 4], [2.5, 5], [-30, 6]])
    np.testing.assert_array_equal(second.values, [[7, 9], [8, 10]])
    assert (first.label, second.label) == ("low", "high")
    assert (first.line, second.line) == (7, 9)


def test_a_table_with_quoted_names(read):
    table = read(ARFF, recordings.read_arff)
    assert list(table.columns) == ["left side", "right", "eye"]
    np.testing.assert_array_equal(numbers(table, "right"), [2, 40])
    assert table.column("eye") == ["0", "1"] and table.lines == [8, 10]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("8:9", "8,9:9", "line 9: the channels .* as its first, 3, got 2"),
        (
            "7,8:9,10:high",
            "7,8:high",
            "line 9: a series must have 2 channels, .* got 1",
        ),
        (":high", ":hihg", "line 9: a series must end with a class of low, high, got"),
        ("2.5", "x", "line 7: a series must be of numbers"),
        ("2.5", "?", "line 7: a series must be of numbers"),
        ("2.5", "inf", "line 7: a series must be of finite numbers"),
        ("@timeStamps false", "@timeStamps true", "must not have times"),
        ("@data", "data", "line 6: a line before @data must begin with @, got 'data'"),
        (TS[TS.index("1,2.5") :], "", "must hold a series after @data, got none"),
        (TS[TS.index("@data") :], "", "must have a line @data, got none"),
    ],
)
def test_bad_series(read, old, new, message):
    assert old in TS
    with pytest.raises(BadInput, match=f"made.txt.*{message}"):
        read(TS.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-3,4e1,1", "-3,4e1", "line 10: a row must have 3 values, .* got 2"),
        ("right", "'left side'", "columns must be named, and named differently"),
        ("right\tNUMERIC", "", "columns must be named, and named differently"),
        (ARFF[ARFF.index("1.5") :], "", "must hold a row after @data, got none"),
    ],
)
def test_bad_tables(read, old, new, message):
    assert old in ARFF
    with pytest.raises(BadInput, match=f"made.txt.*{message}"):
        read(ARFF.replace(old, new), recordings.read_arff)


@pytest.mark.parametrize("number", [200, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["ts", "arff"])
def test_mutated_files_are_read_or_refused(read, name, number):
    text, reader = {
        "ts": (TS, recordings.read_ts),
        "arff": (ARFF, recordings.read_arff),
    }[name]
    refused = 0
    for content in mutations(text.encode(), np.random.default_rng(4), number):
        try:
            assert read(content, reader)
        except BadInput as error:
            refused += 1
            assert "made.txt" in str(error)
    assert 0 < refused < number
