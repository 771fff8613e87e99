"""Pieces of words, learned from texts by sentencepiece."""

import base64
import functools
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.harness.errors import BadInput

BLANK = "▁"  # stands for a blank within a piece


@dataclass(frozen=True)
class Pieces:
    """A trained model of sentencepiece, from texts to pieces and back.

    Attributes:
      model: the content of its model file, in base64.
    """

    model: str

    def __repr__(self):
        return f"Pieces({self.digest[:12]}…)"

    @property
    def content(self) -> bytes:
        """The content of the model file, which sentencepiece's own tools read."""
        return base64.b64decode(self.model)

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()

    def split(self, text: str) -> tuple[str, ...]:
        """Splits a text; what the model has never seen is a piece of its own."""
        return tuple(self._processor.encode(text, out_type=str))

    @functools.cached_property
    def _processor(self) -> Any:
        import sentencepiece  # not needed for words or characters

        return sentencepiece.SentencePieceProcessor(model_proto=self.content)


def join_pieces(pieces: Sequence[str]) -> str:
    """Joins pieces to a text.

    Example:
      >>> join_pieces(["▁a", "▁hou", "se"])
      'a house'
    """
    return "".join(pieces).replace(BLANK, " ").strip()


def train_pieces(texts: Iterable[str], num_pieces: int) -> Pieces:
    """Learns pieces by the unigram model; equal texts give equal pieces.

    Texts are taken as they are, but for blanks at their ends and beside other blanks.

    Args:
      texts: the texts to learn from.
      num_pieces: number of pieces at most.

    Returns:
      The pieces.

    Raises:
      BadInput: if `num_pieces` are fewer than the characters of the texts.

    References:
      Kudo and Richardson, "SentencePiece: A simple and language independent subword
      tokenizer and detokenizer for Neural Text Processing", EMNLP 2018.
    """
    import sentencepiece

    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            vocab_size=num_pieces,
            hard_vocab_limit=False,  # few texts have fewer pieces
            character_coverage=1.0,
            normalization_rule_name="identity",
            max_sentence_length=1 << 20,  # bytes; longer texts would be left out
            bos_id=-1,
            eos_id=-1,
            num_threads=1,
            minloglevel=3,
        )
    except RuntimeError as error:
        raise BadInput(
            f"num_pieces must be enough for the characters of the texts, got "
            f"{num_pieces}: {error}"
        ) from error
    return Pieces(base64.b64encode(model.getvalue()).decode())
