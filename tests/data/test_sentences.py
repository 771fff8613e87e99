import functools
import re

import numpy as np
import pytest

from experiments.data.sentences import (
    Sentence,
    read_aligned,
    read_columns,
    read_conllu,
)
from experiments.harness.errors import BadInput
from tests.data.mutations import mutations

CONLLU = """\
# text = don't go
1-2\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tdo\tdo\tAUX\t_\t_\t3\taux\t_\t_
2\tn't\tnot\tPART\t_\t_\t3\tadvmod\t_\t_
2.1\tever\tever\tADV\t_\t_\t_\t_\t3:advmod\t_
3\tgo\tgo\tVERB\t_\t_\t0\troot\t_\t_

# text = No
1\tNo\tno\tINTJ\t_\t_\t0\troot\t_\t_
"""
read_features = functools.partial(read_columns, tag_column=1, feature_columns=(2,))
COLUMNS = "In IN B-PP\nMay NNP B-NP\n\n\nGo VB B-VP\n"


@pytest.fixture
def write(tmp_path):
    def write(content, name="a.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_conllu_reads_syntactic_words_alone(write):
    assert read_conllu(write(CONLLU)) == [
        Sentence(("do", "n't", "go"), ("AUX", "PART", "VERB")),
        Sentence(("No",), ("INTJ",)),
    ]
    assert read_conllu(write(CONLLU.replace("\n", "\r\n"))) == read_conllu(
        write(CONLLU.strip())
    )


def test_columns_by_blanks_and_by_tabs(write):
    path = write(COLUMNS)
    assert read_columns(path) == [
        Sentence(("In", "May"), ("B-PP", "B-NP")),
        Sentence(("Go",), ("B-VP",)),
    ]
    assert read_columns(path, 1)[0].tags == ("IN", "NNP")
    (first, _) = read_columns(path, feature_columns=(1, -1))
    assert first == Sentence(
        ("In", "May"), ("B-PP", "B-NP"), features=(("IN", "B-PP"), ("NNP", "B-NP"))
    )
    spaced = write("New York\tB\nI\tO\n")
    assert read_columns(spaced) == [Sentence(("New York", "I"), ("B", "O"))]


def test_lines_that_belong_together(write):
    words, tags, labels = (
        write(text, str(i)) for i, text in enumerate(["a b\nc\n", "X Y\nZ\n", "l\nm"])
    )
    assert read_aligned(words, tags, labels) == [
        Sentence(("a", "b"), ("X", "Y"), "l"),
        Sentence(("c",), ("Z",), "m"),
    ]


@pytest.mark.parametrize(
    ("read", "old", "new", "message"),
    [
        (read_conllu, "2\tn't\tnot", "2\tn't", "line 4: .* 10 columns .* got 9"),
        (read_conllu, "3\tgo", "4\tgo", "line 6: .* number must be 3, got '4'"),
        (read_conllu, "1\tNo", "1\t", "line 9: the word and its tag"),
        (read_conllu, CONLLU, "# only this\n", "must hold a sentence"),
        (read_columns, "NNP B-NP", "NNP", "line 2: .* 3 columns, .* got 2"),
        (read_columns, COLUMNS, "a\nb\n", "line 1: .* got 1 columns"),
        (read_columns, COLUMNS, "a\tB\nc\t\n", "line 2: the word and its tag"),
        (read_features, COLUMNS, "a\tB\nc\t\n", "line 1: .* feature in column 2"),
        (read_features, COLUMNS, "a\tB\tX\nc\tB\t\n", "line 2: the features must"),
        (read_columns, COLUMNS, "\n\n", "must hold a sentence"),
    ],
)
def test_bad_lines(write, read, old, new, message):
    text = CONLLU if read is read_conllu else COLUMNS
    with pytest.raises(BadInput, match=f"a.txt.*{message}"):
        read(write(text.replace(old, new)))


@pytest.mark.parametrize("column", [3, -4])
def test_no_such_column(write, column):
    with pytest.raises(BadInput, match=f"line 1: .* column {column}, got 3 columns"):
        read_columns(write(COLUMNS), column)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("X Y\n", r"must have 2 lines, as .*words has, got 1"),
        ("X\nZ\n", "line 1: .* 2 tags, one per word, got 1"),
        ("X Y\n \n", "line 2: the line must not be empty"),
    ],
)
def test_files_that_do_not_belong_together(write, tags, message):
    words = write("a b\nc\n", "words")
    with pytest.raises(BadInput, match=message):
        read_aligned(words, write(tags, "tags"))


def test_not_in_the_encoding(write):
    with pytest.raises(BadInput, match=r"a.txt, byte 12: the file must be utf-8"):
        read_columns(write(COLUMNS.replace("May", "M\xe4y").encode("latin-1")))


@pytest.mark.parametrize("number", [200, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("read", [read_conllu, read_columns])
def test_mutated_files_are_read_or_refused(write, read, number):
    text = CONLLU if read is read_conllu else COLUMNS
    refused = 0
    for content in mutations(text.encode(), np.random.default_rng(0), number):
        try:
            for sentence in read(write(content)):
                assert len(sentence.words) == len(sentence.tags) > 0
        except BadInput as error:
            refused += 1
            assert re.match(r".*a\.txt", str(error))
    assert 0 < refused < number
