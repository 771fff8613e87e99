"""What the numbers that a tagger reads and writes stand for."""

import dataclasses

from experiments.data.sentences import Sentence
from experiments.data.vocabulary import UNKNOWN, Vocabulary
from experiments.shared.vectors import VectorFlags, VectorTable, load_vectors
from experiments.tagging.constraints import scheme_of
from experiments.tagging.loading import Parts


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What a run keeps of its data to be used on other sentences.

    Attributes:
      words: the known words.
      characters: their characters.
      tags: the tags.
      labels: the labels of sentences; none if they have none.
      scheme: which tags may follow which, see `scheme_of`.
      vector_size: width of the pretrained vectors; None without them.
      features: the values of each further feature of the words.
    """

    words: Vocabulary
    characters: Vocabulary
    tags: tuple[str, ...]
    labels: tuple[str, ...]
    scheme: str
    vector_size: int | None
    features: tuple[Vocabulary, ...] = ()


def make_symbols(
    parts: Parts, min_count: int, flags: VectorFlags
) -> tuple[Symbols, VectorTable | None]:
    """Numbers what occurs in the training sentences, and loads vectors of the words.

    Words that occur less than `min_count` times are `<unk>`, and so are all others;
    there is an unknown character too. With pretrained vectors every word of any part
    that has one is known: its vector is what the file says of it, which needs no tag.

    Args:
      parts: the sentences.
      min_count: occurrences that make a word known.
      flags: the flags of pretrained vectors.

    Returns:
      The symbols, and the vectors of the words in their order, None without them.
    """
    train = parts.train
    words = [word for sentence in train for word in sentence.words]
    known = Vocabulary.of_words([*words, UNKNOWN], min_count)
    known, vectors = _with_vectors(known, parts, flags)
    characters = sorted({character for word in words for character in word})
    tags = tuple(sorted({tag for sentence in train for tag in sentence.tags}))
    symbols = Symbols(
        known,
        Vocabulary((UNKNOWN, *characters), unknown=UNKNOWN),
        tags,
        tuple(sorted({s.label for s in train if s.label is not None})),
        scheme_of(tags, train),
        None if vectors is None else vectors.table.shape[1],
        tuple(
            Vocabulary((UNKNOWN, *sorted(set(values))), unknown=UNKNOWN)
            for values in zip(*(of_word for s in train for of_word in s.features))
        ),
    )
    return symbols, vectors


def _with_vectors(known: Vocabulary, parts: Parts, flags: VectorFlags):
    """Adds the words that have a vector; returns the vocabulary and the vectors."""
    sentences: list[Sentence] = [*parts.train, *parts.validation, *parts.test]
    words = {word for sentence in sentences for word in sentence.words}
    others = sorted(words - set(known.symbols))
    vectors = load_vectors(flags, [*known.symbols, *others])
    if vectors is None:
        return known, None
    is_kept = vectors.is_found.copy()
    is_kept[: len(known)] = True
    symbols = [
        word for word, is_one in zip([*known.symbols, *others], is_kept) if is_one
    ]
    vectors = vectors._replace(
        table=vectors.table[is_kept], is_found=vectors.is_found[is_kept]
    )
    return dataclasses.replace(known, symbols=tuple(symbols)), vectors
