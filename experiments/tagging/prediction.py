"""Tags that a trained tagger predicts: for the parts of a data set, and for lines."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import nnx

from experiments.data.sentences import Sentence
from experiments.shared import buckets as bucketing
from experiments.shared.answering import Answer, round_up
from experiments.shared.compiling import quick_compile
from experiments.tagging.batches import Batcher, encode
from experiments.tagging.symbols import Symbols
from rnnjax.models.tagger import Tagger, Words

Tags = Sequence[str]


class Found(NamedTuple):
    """What was predicted for the sentences of a part.

    Attributes:
      tags: the tags of each sentence.
      labels: the label of each sentence; None if sentences have none.
    """

    tags: list[Tags]
    labels: list[str] | None = None


def make_predict(
    module: Tagger,
    symbols: Symbols,
    parts: Mapping[str, Sequence[Sentence]],
    batch_size: int,
    max_shapes: int,
) -> Callable[[Any, str], Found]:
    """Makes `predict(params, part)`.

    Sentences of similar length share a batch; all parts have the same few shapes.
    """
    graph = nnx.graphdef(module)
    sentences = [sentence for part in parts.values() for sentence in part]
    part_of = np.repeat(list(parts), [len(part) for part in parts.values()])
    data = encode(sentences, symbols)
    buckets = bucketing.make_buckets(data.lengths, batch_size, max_shapes)
    batcher = Batcher(data, buckets)

    @functools.partial(jax.jit, compiler_options=quick_compile())
    def run(params, words, mask):
        model = nnx.merge(graph, params)
        scores = model(words, mask=mask)
        return model.best_tags(scores.emissions, mask=mask), scores.label_logits

    def predict(params, part):
        tags, labels = {}, {}
        members = tuple(own[part_of[own] == part] for own in buckets.members)
        for rows in bucketing.rows_in_order(buckets._replace(members=members)):
            batch = batcher.batch(rows)
            found, logits = jax.device_get(run(params, batch.words, batch.mask))
            for row, index in enumerate(rows.indices):
                if index >= 0:
                    chosen = found[row, : data.lengths[index]]
                    tags[index] = [symbols.tags[tag] for tag in chosen]
                    if logits is not None:
                        labels[index] = symbols.labels[logits[row].argmax()]
        order = sorted(tags)
        found_labels = [labels[i] for i in order] if labels else None
        return Found([tags[i] for i in order], found_labels)

    return predict


def make_tag_reply(
    module: Tagger, symbols: Symbols, with_probabilities: bool
) -> Callable[[str], Answer]:
    """Makes `reply(line)`, which tags the words of a line, separated by blanks.

    Where the tagger reads features of the words, they follow each word after bars, as
    in `Boole|NNP`.

    As text it gives the tags, and after a tab the label if sentences have one; with
    probabilities each is followed by its own, `NOUN:0.98`. As fields it gives all
    probabilities. A CRF's tags are best together: one may not be the most probable by
    itself.

    Args:
      module: the trained tagger.
      symbols: its symbols.
      with_probabilities: whether probabilities are given.

    Raises:
      ValueError: by `reply`, if the line has no word or a word lacks its features.
    """
    graph, params = nnx.split(module)

    @functools.partial(jax.jit, compiler_options=quick_compile())
    def run(params, words, mask):
        model = nnx.merge(graph, params)
        scores = model(words, mask=mask)
        tags = model.best_tags(scores.emissions, mask=mask)
        probabilities = model.probabilities(scores.emissions, mask=mask)
        logits = scores.label_logits
        return tags, probabilities, None if logits is None else jax.nn.softmax(logits)

    def reply(line: str) -> Answer:
        sentence = _parse(line, len(symbols.features))
        words = sentence.words
        arrays, mask = _pad_sentence(sentence, symbols)
        chosen, by_tag, by_label = jax.device_get(run(params, arrays, mask))
        chosen, by_tag = chosen[0, : len(words)], by_tag[0, : len(words)]
        tags = [symbols.tags[tag] for tag in chosen]
        fields: dict[str, Any] = {"words": words, "tags": tags}
        texts, label = tags, ""
        if by_label is not None:
            label = fields["label"] = symbols.labels[by_label[0].argmax()]
        if with_probabilities:
            fields["tag_probabilities"] = [_named(p, symbols.tags) for p in by_tag]
            own = by_tag[np.arange(len(words)), chosen]
            texts = [f"{tag}:{p:.2f}" for tag, p in zip(tags, own)]
            if by_label is not None:
                fields["label_probabilities"] = _named(by_label[0], symbols.labels)
                label = f"{label}:{by_label[0].max():.2f}"
        return Answer(" ".join(texts) + (label and f"\t{label}"), fields)

    return reply


def _parse(line: str, num_features: int) -> Sentence:
    """Parts a line into words and the features of each."""
    words, features = [], []
    for text in line.split():
        word, *of_word = text.rsplit("|", num_features) if num_features else [text]
        if len(of_word) != num_features or not all([word, *of_word]):
            raise ValueError(
                f"a word must be followed by {num_features} features after bars, as in "
                f"Boole|NNP, got {text}."
            )
        words.append(word)
        features.append(tuple(of_word))
    if not words:
        raise ValueError("the line must hold a word, got none.")
    return Sentence(tuple(words), (), features=tuple(features))


def _pad_sentence(sentence: Sentence, symbols: Symbols) -> tuple[Words, np.ndarray]:
    """Pads a sentence to one of few shapes; returns it and its mask, a batch of one."""
    data = encode([sentence], symbols)
    num_words = len(sentence.words)
    num_steps = round_up(num_words)

    def pad(values, length, fill):
        padding = [(0, length - len(values))] + [(0, 0)] * (values.ndim - 1)
        return np.pad(values, padding, constant_values=fill)[None]

    num_characters = round_up(len(data.characters[0]), 64)
    arrays = Words(
        pad(data.tokens[0], num_steps, 0),
        pad(data.characters[0], num_characters, -1),
        pad(data.first[0], num_steps, 0),
        pad(data.last[0], num_steps, 0),
        pad(data.features[0], num_steps, 0),
    )
    return arrays, np.arange(num_steps)[None] < num_words


def _named(probabilities: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Returns the probabilities by name, rounded to four digits."""
    return {
        name: round(float(p), 4) for name, p in zip(names, probabilities, strict=True)
    }
