"""Scores of texts made of words: BLEU and chrF."""

from collections.abc import Sequence
from typing import NamedTuple


class TextScores(NamedTuple):
    """Scores of sacrebleu, with what they are scores of.

    Attributes:
      bleu: from 0 to 100.
      chrf: chrF2, from 0 to 100.
      signature: sacrebleu's own description of how BLEU was computed.
    """

    bleu: float
    chrf: float
    signature: str


def text_scores(references: Sequence[str], written: Sequence[str]) -> TextScores:
    """Computes BLEU and chrF of texts whose words are separated by blanks.

    References:
      Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018.
    """
    from sacrebleu.metrics.bleu import BLEU  # slow to import
    from sacrebleu.metrics.chrf import CHRF

    bleu = BLEU(tokenize="none", force=True)
    score = bleu.corpus_score(list(written), [list(references)]).score
    chrf = CHRF().corpus_score(list(written), [list(references)]).score
    return TextScores(score, chrf, str(bleu.get_signature()))


def bleu_signature() -> str:
    """Returns how `text_scores` computes BLEU, as sacrebleu has it."""
    return text_scores(["a"], ["a"]).signature
