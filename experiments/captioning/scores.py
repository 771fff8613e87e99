"""Scores of written captions against several references: BLEU-1 to 4."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple


class Bleu(NamedTuple):
    """BLEU scores of sacrebleu, with what they are scores of.

    Attributes:
      scores: BLEU-1 to BLEU-4, from 0 to 100: BLEU-n is the geometric mean of the
        precisions of 1-grams to n-grams, times the brevity penalty.
      signature: sacrebleu's own description of how BLEU-4 was computed.
    """

    scores: tuple[float, ...]
    signature: str


def bleu(references: Sequence[Sequence[str]], written: Sequence[str]) -> Bleu:
    """Computes BLEU of texts whose words are separated by blanks.

    Args:
      references: for each text those that are right, one or more.
      written: as many texts.

    References:
      Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation",
      ACL 2002; Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018.
    """
    from sacrebleu.metrics.bleu import BLEU  # slow to import

    streams = list(map(list, itertools.zip_longest(*references)))
    made = [
        BLEU(max_ngram_order=order, tokenize="none", force=True)
        for order in range(1, 5)
    ]
    scores = [own.corpus_score(list(written), streams).score for own in made]
    return Bleu(tuple(scores), str(made[-1].get_signature()))


def sentence_scores(
    references: Sequence[Sequence[str]], written: Sequence[str]
) -> list[float]:
    """Computes BLEU of each text alone, up to its own length and 4, see `bleu`."""
    from sacrebleu.metrics.bleu import BLEU

    own = BLEU(tokenize="none", effective_order=True)
    return [
        own.sentence_score(text, list(right)).score
        for right, text in zip(references, written, strict=True)
    ]
