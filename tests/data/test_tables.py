import numpy as np
import pytest

from experiments.data import tables
from experiments.harness.errors import BadInput
from tests.data.mutations import mutations

TEXT = """\
time,load,"a, b"
2016-07-01,1.5,x

2016-07-02,-2e1,"y ""z""
w"
2016-07-04,0,
"""


@pytest.fixture
def read(tmp_path):
    def read(content, encoding="utf-8"):
        path = tmp_path / "t.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tables.read_table(path, encoding)

    return read


def test_columns_with_quotes_and_line_breaks(read):
    table = read(TEXT)
    assert table.lines == [2, 5, 6]
    assert table.column("a, b") == ["x", 'y "z"\nw', ""]
    np.testing.assert_array_equal(tables.numbers(table, "load"), [1.5, -20, 0])
    days = np.diff(tables.times(table, ["time"])).astype("timedelta64[D]")
    np.testing.assert_array_equal(days.astype(int), [1, 2])


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators(read, separator):
    table = read(f"a{separator}b\r\n1{separator}2,5\r\n")
    assert table.columns == {"a": ["1"], "b": ["2,5"]}


def test_a_file_without_a_header(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("1,2\n3,4\n")
    table = tables.read_table(path, names=("a", "b"))
    assert table.columns == {"a": ["1", "3"], "b": ["2", "4"]}
    assert table.lines == [1, 2]


def test_times_in_several_columns(read):
    table = read("year,month,day,hour\n2010,1,31,23\n2010,2,1,0\n")
    by_hour = tables.times(table, ["year", "month", "day", "hour"])
    assert by_hour[1] - by_hour[0] == np.timedelta64(1, "h")
    by_month = tables.times(table, ["year", "month"])
    np.testing.assert_array_equal(by_month, np.array(["2010-01", "2010-02"], "M8[s]"))


def test_missing_values_are_filled_from_before(read):
    table = read("a,b\n1,NA\n?,\n,3\n")
    np.testing.assert_array_equal(tables.numbers(table, "a", "previous"), [1, 1, 1])
    np.testing.assert_array_equal(tables.numbers(table, "b", "zero"), [0, 0, 3])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n", "line 3: a row must have 2 values, one per column, got 1"),
        ("a,b,a\n1,2,3\n", "line 1: the columns must differ, got 'a' twice"),
        ('a\n"open\n', "line 2: the row cannot be split into values"),
        ("a,b\n\n", "must hold a row below its header"),
        ("", "the file must hold a text"),
        (b"a\n\xff\n", "byte 2: the file must be utf-8"),
    ],
)
def test_bad_files(read, content, message):
    with pytest.raises(BadInput, match=f"t.csv.*{message}"):
        read(content)


@pytest.mark.parametrize(
    ("content", "use", "message"),
    [
        ("a\n1\nx\n", tables.numbers, "line 3: column 'a' .* finite numbers, got 'x'"),
        ("a\n1\ninf\n", tables.numbers, "line 3: column 'a' .* got 'inf'"),
        ("a,b\n1,1\nNA,1\n", tables.numbers, "line 3: .* missing value: 'NA'; --fill"),
        ("b\n1\n", tables.numbers, "line 1: the columns must include 'a', got b"),
        ("a\n2016-01-01\n2016-13-01\n", tables.times, "line 3: .* got '2016-13-01'"),
        ("a\n2016-01-02\n2016-01-02\n", tables.times, "line 3: .* the same as"),
        ("a\n2016-01-02\n2016-01-01\n", tables.times, "line 3: .* before that of"),
        ("a\nNaT\n", tables.times, "line 2: .* must be a time"),
    ],
)
def test_bad_values(read, content, use, message):
    name = "a" if use is tables.numbers else ["a"]
    with pytest.raises(BadInput, match=f"t.csv.*{message}"):
        use(read(content), name)


def test_nothing_before_the_first_row(read):
    with pytest.raises(BadInput, match="line 2: .* missing value in the first row"):
        tables.numbers(read("a,b\n,1\n1,1\n"), "a", "previous")


@pytest.mark.parametrize("number", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_mutated_files_are_read_or_refused(read, number):
    refused = 0
    for content in mutations(TEXT.encode(), np.random.default_rng(2), number):
        try:
            table = read(content)
            assert np.isfinite(tables.numbers(table, "load")).all()
            assert (np.diff(tables.times(table, ["time"])) > np.timedelta64(0)).all()
        except BadInput as error:
            refused += 1
            assert "t.csv" in str(error)
    assert 0 < refused < number
