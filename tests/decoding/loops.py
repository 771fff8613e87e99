"""Decoding in plain Python and float64, one hypothesis at a time."""

import itertools

import numpy as np


def log_softmax(x):
    x = np.asarray(x, np.float64)
    x = x - x.max()
    return x - np.log(np.exp(x).sum())


def all_sequences(vocab_size, end, num_steps):
    """Yields every sequence that ends, or has `num_steps` tokens without an end."""
    others = [token for token in range(vocab_size) if token != end]
    for length in range(num_steps):
        for start in itertools.product(others, repeat=length):
            yield (*start, end)
    yield from itertools.product(others, repeat=num_steps)


def log_prob_in_tree(table, prompt, tokens):
    """Returns the log-probability of a sequence under one row of a `tree_layer`."""
    vocab_size = table.shape[-1]
    node, total = prompt + 1, 0.0
    for token in tokens:
        total += log_softmax(table[node])[token]
        node = node * vocab_size + token + 1
    return total


def beam_loop(next_log_probs, num_steps, beam_size, end, penalty, num_best):
    """Searches one row to the very end, without a bound.

    Args:
      next_log_probs: `tokens -> [V]`, -inf where a token is not allowed.

    Returns:
      The N best (score, log_prob, tokens).
    """
    live, ended = [(0.0, ())], []
    for _ in range(num_steps):
        continued = [
            (total + log_prob, (*tokens, token))
            for total, tokens in live
            for token, log_prob in enumerate(next_log_probs(tokens))
            if log_prob > -np.inf
        ]
        best = sorted(continued, key=lambda own: -own[0])[:beam_size]
        ended += [own for own in best if own[1][-1] == end]
        live = [own for own in best if own[1][-1] != end]
    hypotheses = ended + [own for own in live if len(own[1]) == num_steps]
    scored = [(total / penalty(len(own)), total, own) for total, own in hypotheses]
    return sorted(scored, key=lambda own: -own[0])[:num_best]
