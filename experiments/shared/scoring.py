"""Scores lines by a trained language model."""

from collections.abc import Callable, Sequence

from experiments.shared.answering import Answer, round_up
from experiments.shared.evaluation import mean_nats
from experiments.shared.sampling import end_symbol
from experiments.shared.trained import Trained

LONGEST_WINDOW = 1024


def make_line_scorer(
    trained: Trained, split: Callable[[str], Sequence[str]]
) -> Callable[[str], Answer]:
    """Makes the function that scores a line, its end included.

    A line is read as if it followed another one: its first symbol is predicted from the
    symbol that ends a line.

    Args:
      trained: a language model.
      split: splits a line into symbols.

    Returns:
      `reply(line)`: the mean cross entropy in nats per symbol.

    Raises:
      ValueError: by `reply`, if the line has no symbol or one that the model does not
        know.
    """
    module, _, vocabulary = trained
    end = end_symbol(vocabulary)
    ends_lines = end in ("\n", "<eos>")
    previous = int(vocabulary.encode([end])[0])

    def reply(line: str) -> Answer:
        symbols = [*split(line), end] if ends_lines else list(split(line))
        if not symbols:
            raise ValueError("the line must hold a symbol, got an empty one.")
        tokens = vocabulary.encode(symbols)
        num_steps = min(round_up(len(tokens)), LONGEST_WINDOW)
        nats = mean_nats(module, tokens, num_steps=num_steps, previous=previous)
        fields = {"nats_per_symbol": nats, "num_symbols": len(tokens)}
        return Answer(f"{nats:.4f}", fields)

    return reply
