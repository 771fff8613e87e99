"""Tagged sentences: CoNLL-U, columns, and files that are aligned line by line."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from experiments.data.lookup import AnyPath
from experiments.data.text import read_text, split_lines
from experiments.harness.errors import BadInput

CONLLU_COLUMNS = 10


class Sentence(NamedTuple):
    """A sentence with a tag per word.

    Attributes:
      words: its words, at least one.
      tags: the tag of each word.
      label: the label of the whole sentence, None if it has none.
      features: what else is given of each word, a tuple per word; none: nothing is.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    label: str | None = None
    features: tuple[tuple[str, ...], ...] = ()


def read_conllu(path: str | AnyPath, encoding: str = "utf-8") -> list[Sentence]:
    """Reads the words and universal part-of-speech tags of a CoNLL-U file.

    Lines of comments, of multiword tokens (`1-2`) and of empty nodes (`1.1`) are
    skipped, as evaluations of tagging do: the tags are those of syntactic words.

    Args:
      path: the file; decompressed if its name ends in `.gz`.
      encoding: its encoding.

    Returns:
      The sentences in their order.

    Raises:
      BadInput: if a line does not have ten columns, its number is not the next one,
        its word or tag is empty, or there is no sentence.

    References:
      https://universaldependencies.org/format.html
    """
    sentences = []
    for rows in _blocks(path, encoding):
        pairs = []
        for line, text in rows:
            if text.startswith("#"):
                continue
            columns = text.split("\t")
            if len(columns) != CONLLU_COLUMNS:
                raise BadInput(
                    f"a word must have {CONLLU_COLUMNS} columns separated by tabs, "
                    f"got {len(columns)}.",
                    path,
                    line,
                )
            number, word, tag = columns[0], columns[1], columns[3]
            if "-" in number or "." in number:
                continue
            if number != str(len(pairs) + 1):
                raise BadInput(
                    f"the word's number must be {len(pairs) + 1}, got {number!r}.",
                    path,
                    line,
                )
            if not word or not tag:
                raise BadInput("the word and its tag must not be empty.", path, line)
            pairs.append((word, tag))
        if pairs:
            words, tags = zip(*pairs)
            sentences.append(Sentence(words, tags))
    return _some(sentences, path)


def read_columns(
    path: str | AnyPath,
    tag_column: int = -1,
    encoding: str = "utf-8",
    *,
    feature_columns: Sequence[int] = (),
) -> list[Sentence]:
    r"""Reads words and tags in columns, a word per line, a blank line per sentence.

    Columns are separated by tabs in a file that has one, otherwise by blanks.

    Args:
      path: the file; decompressed if its name ends in `.gz`.
      tag_column: number of the tag's column from 0; negative: from the last one, -1.
        The word is in the first column.
      encoding: its encoding.
      feature_columns: numbers of the columns that are read as features of the words.

    Returns:
      The sentences in their order.

    Raises:
      BadInput: if a line has another number of columns than the first one or an empty
        word, tag or feature, a column asked for is none of them, or there is no
        sentence.

    References:
      Tjong Kim Sang and Buchholz, "Introduction to the CoNLL-2000 Shared Task:
      Chunking", 2000.
    """
    sentences, num_columns = [], None
    separator = "\t" if "\t" in read_text(path, encoding) else None
    for block in _blocks(path, encoding):
        rows = []
        for line, text in block:
            columns = text.split(separator)
            num_columns = num_columns or len(columns)
            if len(columns) != num_columns:
                raise BadInput(
                    f"every word must have {num_columns} columns, as the first one, "
                    f"got {len(columns)}.",
                    path,
                    line,
                )
            if num_columns < 2 or not -num_columns <= tag_column < num_columns:
                raise BadInput(
                    f"there must be a word and a tag in column {tag_column}, got "
                    f"{num_columns} columns.",
                    path,
                    line,
                )
            for column in feature_columns:
                if not -num_columns <= column < num_columns:
                    raise BadInput(
                        f"there must be a feature in column {column}, got "
                        f"{num_columns} columns.",
                        path,
                        line,
                    )
            word, tag = columns[0], columns[tag_column]
            features = tuple(columns[column] for column in feature_columns)
            if not word or not tag:
                raise BadInput("the word and its tag must not be empty.", path, line)
            if not all(features):
                raise BadInput("the features must not be empty.", path, line)
            rows.append((word, tag, features))
        words, tags, features = zip(*rows)
        given = features if feature_columns else ()
        sentences.append(Sentence(words, tags, features=given))
    return _some(sentences, path)


def read_aligned(
    words_path: str | AnyPath,
    tags_path: str | AnyPath,
    labels_path: str | AnyPath | None = None,
    encoding: str = "utf-8",
) -> list[Sentence]:
    """Reads files whose lines belong together: words, tags and labels.

    Args:
      words_path: a sentence per line, its words separated by blanks.
      tags_path: the tags of the sentence, separated by blanks.
      labels_path: the label of the sentence; None: there are no labels.
      encoding: the encoding of the files.

    Returns:
      The sentences in their order.

    Raises:
      BadInput: if the files have unequal numbers of lines, a sentence and its tags
        unequal numbers of words, or a line is empty.
    """
    paths = [path for path in (words_path, tags_path, labels_path) if path is not None]
    files = [split_lines(read_text(path, encoding)) for path in paths]
    for path, lines in zip(paths, files):
        if len(lines) != len(files[0]):
            raise BadInput(
                f"the file must have {len(files[0])} lines, as {words_path} has, "
                f"got {len(lines)}.",
                path,
            )
    sentences = []
    for line, texts in enumerate(zip(*files), 1):
        for path, text in zip(paths, texts):
            if not text.strip():
                raise BadInput("the line must not be empty.", path, line)
        words, tags = (tuple(text.split()) for text in texts[:2])
        if len(words) != len(tags):
            raise BadInput(
                f"the line must have {len(words)} tags, one per word, got {len(tags)}.",
                tags_path,
                line,
            )
        label = texts[2].strip() if labels_path is not None else None
        sentences.append(Sentence(words, tags, label))
    return sentences


def _blocks(path, encoding) -> Iterator[list[tuple[int, str]]]:
    """Yields the numbered lines between blank ones."""
    block = []
    for line, text in enumerate(split_lines(read_text(path, encoding)), 1):
        text = text.removesuffix("\r")
        if text.strip():
            block.append((line, text))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _some(sentences: list[Sentence], path: str | AnyPath) -> list[Sentence]:
    if not sentences:
        raise BadInput("the file must hold a sentence, got none.", path)
    return sentences
