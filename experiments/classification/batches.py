"""Batches of texts, as sequences of words or as bags of words."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.classification.baselines import Bag, count_words
from experiments.classification.loading import TextFlags, cut
from experiments.classification.targets import Symbols, encode_targets
from experiments.data.labelled_texts import LabelledText, words_of
from experiments.shared import buckets as bucketing
from experiments.shared.answering import round_up
from experiments.shared.buckets import Rows, pad, pick, real_steps

MAX_SHAPES = 5  # a program of an update takes seconds to compile


class Batch(NamedTuple):
    """Texts of similar length, batch first.

    Attributes:
      inputs: what the module reads: tokens `[B, T]`, a `Bag`, or the `TreeWords` of
        `tree_batches`.
      mask: `[B, T]` bool, true at words; None for trees.
      targets: of each text, or of each node.
      weights: float32, how much each of them counts in the loss; 0 for padding.
    """

    inputs: Any
    mask: np.ndarray | None
    targets: np.ndarray
    weights: np.ndarray


class Batches(NamedTuple):
    """The batches of a part.

    Attributes:
      targets: of all its texts.
      batch: `batch(i)`, that of update i: a function of the seed and i.
      epoch_length: batches that hold every text once.
      in_order: yields the numbers of the texts of each batch, and the batch, so that
        every text occurs once.
    """

    targets: np.ndarray
    batch: Callable[[int], Batch]
    epoch_length: int
    in_order: Callable[[], Iterator[tuple[np.ndarray, Batch]]]


def encode_words(
    texts: Sequence[LabelledText], symbols: Symbols, flags: TextFlags
) -> list[np.ndarray]:
    """Returns the words of each text that are read, as numbers."""
    return [symbols.words.encode(cut(text.words, flags)) for text in texts]


def text_batches(
    texts: Sequence[LabelledText],
    symbols: Symbols,
    flags: TextFlags,
    batch_size: int,
    *,
    as_bags: bool = False,
    label_weights: np.ndarray | None = None,
) -> Batches:
    """Makes the batches of texts, as sequences or as bags of words.

    Args:
      texts: the texts.
      symbols: what the numbers stand for.
      flags: which words of a text are read, and the seed of the order.
      batch_size: texts per batch.
      as_bags: whether each word of a text is read once, with its count.
      label_weights: how much the texts of each label count; None: all alike.

    Raises:
      BadInput: if a label is unknown or empty.
    """
    targets = encode_targets(texts, symbols)
    tokens = encode_words(texts, symbols, flags)
    counts: list[np.ndarray] = []
    if as_bags:
        tokens, counts = map(list, zip(*map(count_words, tokens)))
    lengths = [len(own) for own in tokens]
    buckets = bucketing.make_buckets(lengths, batch_size, MAX_SHAPES)
    weights = np.ones(len(texts), np.float32)
    if label_weights is not None:
        weights = label_weights[targets]

    def make(rows: Rows) -> Batch:
        inputs: Any = pad(tokens, rows)
        if as_bags:
            inputs = Bag(inputs, pad(counts, rows))
        return Batch(
            inputs,
            real_steps(buckets, rows),
            pick(targets, rows),
            pick(weights, rows),
        )

    shuffled = bucketing.shuffled_batches(buckets, flags.seed)

    def in_order():
        for rows in bucketing.rows_in_order(buckets):
            yield rows.indices[rows.is_real], make(rows)

    return Batches(
        targets,
        lambda i: make(shuffled(i)),
        bucketing.batches_per_epoch(buckets),
        in_order,
    )


def batch_of_line(line: str, symbols: Symbols, flags: TextFlags, as_bag: bool) -> Batch:
    """Makes a batch of one text, padded so that few lengths are compiled.

    Args:
      line: a text.
      symbols: what the numbers stand for.
      flags: which words of a text are read.
      as_bag: whether each word is read once, with its count.

    Raises:
      ValueError: if the line has no word.
    """
    words = words_of(line)
    if not words:
        raise ValueError("the line must hold a word, got none.")
    tokens = symbols.words.encode(cut(words, flags))
    counts = np.ones(len(tokens), np.float32)
    if as_bag:
        tokens, counts = count_words(tokens)
    rows = Rows(np.array([0]), round_up(len(tokens)))
    padded, mask = pad([tokens], rows), np.arange(rows.num_steps) < len(tokens)
    inputs = Bag(padded, pad([counts], rows)) if as_bag else padded
    return Batch(inputs, mask[None], np.zeros(1, np.int32), np.ones(1, np.float32))
