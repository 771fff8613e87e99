"""N-grams with interpolated Witten-Bell smoothing.

    p(w | h) = (c(h w) + t(h) p(w | h')) / (c(h) + t(h))

c counts in the training text, c(h) = Σ_w c(h w), t(h) is the number of distinct
symbols seen after h, and h' is h without its oldest symbol. A context never seen
leaves p(w | h') as it is.

Under the unigram lies the uniform distribution over the symbols of the vocabulary that
the training text lacks. Where it lacks none, nothing is set aside for them and the
unigram is the relative frequency: with the vocabulary of the training text, as in
published figures. So no probability is ever zero.

There are no symbols before a text: its first symbols have short contexts, in training
and, unless a context is given, in evaluation.

References:
  Witten and Bell, "The zero-frequency problem: estimating the probabilities of novel
  events in adaptive text compression", IEEE Transactions on Information Theory 1991
  (method C); interpolated as in Chen and Goodman, "An empirical study of smoothing
  techniques for language modeling", Computer Speech & Language 1999, section 2.5,
  whose unigram ends in the uniform distribution over the whole vocabulary.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Level(NamedTuple):
    """What was counted for contexts of one length.

    An n-gram's number is its place in `keys`; its key is made of the number of its
    first n - 1 symbols, which is one of the level below, and of its last symbol.

    Attributes:
      keys: `[num_ngrams]` int64, rising: context's number * vocab_size + symbol.
      counts: `[num_ngrams]`, c(h w).
      context_counts: `[num_contexts]`, c(h).
      context_types: `[num_contexts]`, t(h); 0 for the unigram's empty context if no
        symbol is left unseen.
    """

    keys: np.ndarray
    counts: np.ndarray
    context_counts: np.ndarray
    context_types: np.ndarray


class NGram(NamedTuple):
    """A fitted model; it holds those of all lower orders.

    Attributes:
      unseen: `[vocab_size]`, the distribution under the unigram.
      levels: one for each order, the unigram's first.
    """

    unseen: np.ndarray
    levels: tuple[Level, ...]


def fit(tokens: np.ndarray, order: int, vocab_size: int) -> NGram:
    """Counts the n-grams of a text.

    Args:
      tokens: `[num_tokens]` integers, the training text.
      order: n, the length of the longest n-grams; 1 looks at no context.
      vocab_size: number of symbols.

    Returns:
      The model.

    Raises:
      ValueError: if `order` is not positive, or the tokens are fewer than `order` or
        outside the vocabulary.
    """
    tokens = _checked("tokens", tokens, vocab_size)
    if order < 1:
        raise ValueError(f"order must be positive, got {order}.")
    if len(tokens) < order:
        raise ValueError(
            f"tokens must number at least order {order}, got {len(tokens)}."
        )
    levels = []
    contexts, num_contexts = np.zeros(len(tokens), np.int64), 1
    for _ in range(order):
        keys = (contexts * vocab_size + tokens)[contexts >= 0]
        keys, counts = np.unique(keys, return_counts=True)
        parents = keys // vocab_size
        context_counts = np.bincount(parents, counts, num_contexts)
        context_types = np.bincount(parents, minlength=num_contexts)
        levels.append(Level(keys, counts, context_counts, context_types))
        contexts = _extend(levels[-1], contexts, tokens, vocab_size)[:-1]
        num_contexts = len(keys)
    unseen = np.ones(vocab_size)
    unseen[levels[0].keys] = 0
    if unseen.any():
        unseen /= unseen.sum()
    else:
        levels[0] = levels[0]._replace(context_types=np.zeros(1, int))
    return NGram(unseen, tuple(levels))


def log_probs(model: NGram, tokens: np.ndarray, context=()) -> np.ndarray:
    """Returns the log-probability of every token given all before it.

    Args:
      model: from `fit`.
      tokens: `[num_tokens]` integers.
      context: the tokens before them, such as the end of the training text.

    Returns:
      `[num_tokens]` float64, in nats.

    Raises:
      ValueError: if a token is outside the vocabulary.
    """
    *_, probabilities = _by_order(model, *_text(model, tokens, context))
    return np.log(probabilities)


def cross_entropies(model: NGram, tokens: np.ndarray, context=()) -> np.ndarray:
    """Returns the mean of -`log_probs` for the model and all of lower orders.

    Returns:
      `[order]` float64, in nats a token, the unigram's first; its exponential is the
      perplexity.

    Raises:
      ValueError: if there is no token, or one is outside the vocabulary.
    """
    if len(tokens) == 0:
        raise ValueError("tokens must hold at least one, got none.")
    by_order = _by_order(model, *_text(model, tokens, context))
    return np.array([-np.log(probabilities).mean() for probabilities in by_order])


def distribution(model: NGram, context=()) -> np.ndarray:
    """Returns the probabilities `[vocab_size]` of all symbols after `context`.

    Raises:
      ValueError: if a token of the context is outside the vocabulary.
    """
    vocab_size, order = len(model.unseen), len(model.levels)
    context = _checked("context", context, vocab_size)
    context = context[max(0, len(context) - order + 1) :]
    places = np.full(vocab_size, len(context))
    *_, probabilities = _by_order(model, context, places, np.arange(vocab_size))
    return probabilities


def sample(
    model: NGram,
    prompt,
    num_steps: int,
    rng: np.random.Generator,
    *,
    temperature: float = 1.0,
) -> np.ndarray:
    """Draws tokens one by one.

    Args:
      model: from `fit`.
      prompt: `[num_tokens]` integers, what stands before the first one; may be empty.
      num_steps: number of tokens to draw.
      rng: the source of randomness.
      temperature: by which log-probabilities are divided; 0 takes the likeliest.

    Returns:
      `[num_steps]` int32.

    Raises:
      ValueError: if `num_steps` is not positive, `temperature` is negative or a token
        of the prompt is outside the vocabulary.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be positive, got {num_steps}.")
    if temperature < 0:
        raise ValueError(f"temperature must not be negative, got {temperature}.")
    order = len(model.levels)
    text = _checked("prompt", prompt, len(model.unseen)).tolist()
    start = len(text)
    for _ in range(num_steps):
        logs = np.log(distribution(model, text[max(0, len(text) - order + 1) :]))
        if temperature == 0:
            text.append(int(logs.argmax()))
            continue
        weights = np.exp((logs - logs.max()) / temperature)
        text.append(int(rng.choice(len(weights), p=weights / weights.sum())))
    return np.array(text[start:], np.int32)


def _text(model, tokens, context):
    """Joins context and tokens; returns the text, and the tokens' places in it."""
    vocab_size = len(model.unseen)
    tokens = _checked("tokens", tokens, vocab_size)
    context = _checked("context", context, vocab_size)
    text = np.concatenate([context, tokens])
    return text, np.arange(len(context), len(text)), tokens


def _by_order(model, text, places, tokens) -> Iterator[np.ndarray]:
    """Yields order by order how likely `tokens` are at `places` of the text."""
    vocab_size = len(model.unseen)
    probabilities = model.unseen[tokens]
    contexts = np.zeros(len(text) + 1, np.int64)
    for level in model.levels:
        here = contexts[places]
        probabilities = _interpolate(level, here, tokens, vocab_size, probabilities)
        yield probabilities
        contexts = _extend(level, contexts[:-1], text, vocab_size)


def _interpolate(level, contexts, tokens, vocab_size, lower):
    ngrams = _look_up(level, contexts, tokens, vocab_size)
    counts = np.where(ngrams < 0, 0, level.counts[ngrams])
    totals = np.where(contexts < 0, 0, level.context_counts[contexts])
    types = np.where(contexts < 0, 0, level.context_types[contexts])
    return np.divide(
        counts + types * lower, totals + types, out=lower.copy(), where=totals > 0
    )


def _look_up(level, contexts, tokens, vocab_size):
    """Returns the numbers of the n-grams, -1 for those never seen."""
    keys = contexts * vocab_size + tokens
    places = np.minimum(np.searchsorted(level.keys, keys), len(level.keys) - 1)
    return np.where(level.keys[places] == keys, places, -1)


def _extend(level, contexts, text, vocab_size):
    """Returns the contexts one symbol longer, before each symbol and after the last."""
    return np.concatenate([[-1], _look_up(level, contexts, text, vocab_size)])


def _checked(name, tokens, vocab_size) -> np.ndarray:
    tokens = np.asarray(tokens)
    if tokens.ndim != 1 or tokens.size and not np.issubdtype(tokens.dtype, np.integer):
        raise ValueError(
            f"{name} must be integers with one axis, "
            f"got {tokens.dtype} of shape {tokens.shape}."
        )
    outside = np.flatnonzero((tokens < 0) | (tokens >= vocab_size))
    if outside.size:
        raise ValueError(
            f"{name} must be from 0 to {vocab_size - 1}, "
            f"got {tokens[outside[0]]} at position {outside[0]}."
        )
    return tokens.astype(np.int64)
