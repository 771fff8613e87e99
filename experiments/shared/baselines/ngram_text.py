"""N-grams of a corpus: what a language model is compared with."""

import numpy as np

from experiments.data.corpus import Corpus
from experiments.shared.baselines import ngram


def fit_corpus(corpus: Corpus, order: int) -> ngram.NGram:
    """Counts the n-grams of the training part."""
    return ngram.fit(corpus.train, order, len(corpus.vocabulary))


def validation_levels(model: ngram.NGram, corpus: Corpus) -> dict[str, float]:
    """Returns the cross entropy on the validation part for every order.

    Args:
      model: from `fit_corpus`.
      corpus: the text.

    Returns:
      Nats per token by labels such as `2-gram`, in rising order.
    """
    nats = ngram.cross_entropies(model, corpus.validation)
    return {f"{order}-gram": float(value) for order, value in enumerate(nats, 1)}


def sample_ngram(
    model: ngram.NGram,
    corpus: Corpus,
    prompt: np.ndarray,
    num_steps: int,
    seed: int,
    temperature: float,
) -> str:
    """Draws a text from n-grams; returns the prompt and the symbols drawn.

    Args:
      model: from `fit_corpus`.
      corpus: the text, for its vocabulary.
      prompt: `[num_symbols]` integers.
      num_steps: number of symbols to draw.
      seed: seed of the randomness.
      temperature: see `ngram.sample`.
    """
    rng = np.random.default_rng(seed)
    tokens = ngram.sample(model, prompt, num_steps, rng, temperature=temperature)
    return corpus.vocabulary.decode(np.concatenate([prompt, tokens]))
