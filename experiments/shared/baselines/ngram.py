"""N-grams with interpolated Witten-Bell smoothing.

    p(w | h) = (c(h w) + t(h) p(w | h')) / (c(h) + t(h))

c counts occurrences in the training text, c(h) = Σ_w c(h w), t(h) is the number of
distinct symbols seen after h, and h' is h without its oldest symbol. For a context that
never occurred, p(w | h) = p(w | h').

The unigram is interpolated with the uniform distribution over those symbols of the
vocabulary that do not occur in the training text, so no probability is zero. If all of
them occur, the unigram is the relative frequency, as in published figures.

There are no symbols before a text: its first symbols have shorter contexts, in training
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

# Tokens evaluated at once, which bounds the memory.
CHUNK = 2**16


class Level(NamedTuple):
    """The counts for contexts of one length.

    The number of an n-gram is its position in `keys`. Its key combines the number of
    its first n - 1 symbols, an n-gram of the level below, and its last symbol.

    Attributes:
      keys: `[num_ngrams]` int64, ascending: context's number * vocab_size + symbol.
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
    """A fitted model, which contains those of all lower orders.

    Attributes:
      unseen: `[vocab_size]`, the distribution that the unigram is interpolated with.
      levels: one per order, from the unigram up.
    """

    unseen: np.ndarray
    levels: tuple[Level, ...]


def fit(tokens: np.ndarray, order: int, vocab_size: int) -> NGram:
    """Counts the n-grams of a text.

    The model grows with the number of distinct n-grams.

    Args:
      tokens: `[num_tokens]` integers, the training text.
      order: n, the length of the longest n-grams; 1 uses no context.
      vocab_size: number of symbols.

    Returns:
      The model.

    Raises:
      ValueError: if `order` is not positive, or the tokens are fewer than `order` or
        outside the vocabulary.
    """
    tokens = _checked("tokens", tokens, vocab_size).astype(np.int64)
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
    """Returns the log-probability of every token given all tokens before it.

    Args:
      model: from `fit`.
      tokens: `[num_tokens]` integers.
      context: the tokens before them, such as the end of the training text.

    Returns:
      `[num_tokens]` float64, in nats.

    Raises:
      ValueError: if a token is outside the vocabulary.
    """
    parts = [by_order[-1] for by_order in _log_probs(model, tokens, context)]
    return np.concatenate(parts) if parts else np.zeros(0)


def cross_entropies(model: NGram, tokens: np.ndarray, context=()) -> np.ndarray:
    """Returns the mean of -`log_probs` for every order up to the model's.

    Returns:
      `[order]` float64, in nats per token, from the unigram up; its exponential is the
      perplexity.

    Raises:
      ValueError: if there is no token, or one is outside the vocabulary.
    """
    if len(tokens) == 0:
        raise ValueError("tokens must hold at least one, got none.")
    parts = _log_probs(model, tokens, context)
    totals = np.sum([by_order.sum(axis=1) for by_order in parts], axis=0)
    return -totals / len(tokens)


def distribution(model: NGram, context=()) -> np.ndarray:
    """Returns the probabilities `[vocab_size]` of all symbols after `context`.

    Raises:
      ValueError: if a token of the context is outside the vocabulary.
    """
    vocab_size, order = len(model.unseen), len(model.levels)
    context = _checked("context", context, vocab_size).astype(np.int64)
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
      prompt: `[num_tokens]` integers, the tokens before the first one; may be empty.
      num_steps: number of tokens to draw.
      rng: the source of randomness.
      temperature: divides the log-probabilities; 0 takes the most likely token.

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


def _log_probs(model, tokens, context) -> Iterator[np.ndarray]:
    """Yields the log-probabilities `[order, num_tokens]` of consecutive chunks."""
    vocab_size, order = len(model.unseen), len(model.levels)
    tokens = _checked("tokens", tokens, vocab_size)
    text = _checked("context", context, vocab_size)
    for start in range(0, len(tokens), CHUNK):
        context = text[max(0, len(text) - order + 1) :]
        chunk = tokens[start : start + CHUNK]
        text = np.concatenate([context, chunk]).astype(np.int64)
        places = np.arange(len(context), len(text))
        yield np.log(list(_by_order(model, text, places, text[places])))


def _by_order(model, text, places, tokens) -> Iterator[np.ndarray]:
    """Yields, order by order, the probabilities of `tokens` at `places` in the text."""
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
    """Returns the numbers of the n-grams, -1 for those that never occurred."""
    keys = contexts * vocab_size + tokens
    places = np.minimum(np.searchsorted(level.keys, keys), len(level.keys) - 1)
    return np.where(level.keys[places] == keys, places, -1)


def _extend(level, contexts, text, vocab_size):
    """Returns contexts longer by one, before each symbol and after the last one."""
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
    return tokens.astype(np.int64) if not tokens.size else tokens
