"""Sentences of a small grammar, whose words are mostly ambiguous by themselves.

Many words are nouns as well as verbs or adjectives ("the light", "they light", "light
boxes"): only their neighbours tell. One word in twenty is spelled at random with the
ending of its class, so that a tagger meets words it has never seen.
"""

from collections.abc import Sequence

import numpy as np

from experiments.data.sentences import Sentence

WORDS = {
    "DET": "the a this that every some her his".split(),
    "ADJ": "light green open cold fast quiet early clean square calm".split(),
    "NOUN": (
        "light green cold fast square calm run walk plant book water ship watch paint "
        "play name train farmer river bridge letter garden"
    ).split(),
    "VERB": (
        "light open clean calm run walk plant book water ship watch paint play name "
        "train see find carry follow need"
    ).split(),
    "ADV": "fast early often never slowly well".split(),
    "ADP": "in on under near with by".split(),
    "PRON": "they we you it she he that".split(),
    "CCONJ": "and or but".split(),
    "PROPN": "Ada Boole Curie Dirac Euler Fermi Gauss May Rose".split(),
    "NUM": "two three seven ten 12 1990".split(),
    "PUNCT": [".", "!", "?"],
}
ENDINGS = {"ADJ": "ous", "NOUN": "ment", "VERB": "ify", "ADV": "ly", "PROPN": "son"}
# What a symbol becomes, with equal probability; what is not here is a tag.
RULES = {
    "S": ["CLAUSE PUNCT", "CLAUSE PUNCT", "CLAUSE CCONJ CLAUSE PUNCT", "ORDER PUNCT"],
    "CLAUSE": ["NP VP", "NP VP PP", "NP ADV VP"],
    "ORDER": ["VERB NP", "VERB NP PP"],
    "NP": ["DET NOUN", "DET ADJ NOUN", "PRON", "PROPN", "NUM NOUN", "DET NOUN PP"],
    "VP": ["VERB", "VERB NP", "VERB ADV", "VERB NP ADV"],
    "PP": ["ADP DET NOUN", "ADP PROPN", "ADP NUM ADJ NOUN"],
}
NEW_WORDS = 0.05


def made_sentences(seed: int, number: int) -> list[Sentence]:
    """Makes sentences with the part of speech of every word.

    Args:
      seed: equal seeds give equal sentences.
      number: number of sentences.

    Returns:
      The sentences; the label of each is whether it is an `order`, a `question` or a
      `statement`.
    """
    rng = np.random.default_rng(seed)
    return [_make(rng) for _ in range(number)]


def _make(rng: np.random.Generator) -> Sentence:
    rule = rng.choice(RULES["S"])
    tags = tuple(_expand(rng, rule.split()))
    words = [_word(rng, tag) for tag in tags]
    label = "question" if words[-1] == "?" else "statement"
    if rule.startswith("ORDER"):
        label, words[-1] = "order", "!"
    if not words[0][0].isupper():
        words[0] = words[0].capitalize()
    return Sentence(tuple(words), tags, label)


def _expand(rng: np.random.Generator, symbols: Sequence[str]) -> list[str]:
    tags = []
    for symbol in symbols:
        rules = RULES.get(symbol)
        tags += _expand(rng, rng.choice(rules).split()) if rules else [symbol]
    return tags


def _word(rng: np.random.Generator, tag: str) -> str:
    if tag not in ENDINGS or rng.random() >= NEW_WORDS:
        return str(rng.choice(WORDS[tag]))
    consonants, vowels = "bdfgklmnprstv", "aeiou"
    stem = "".join(
        rng.choice(list(consonants)) + rng.choice(list(vowels))
        for _ in range(rng.integers(1, 3))
    )
    word = stem + ENDINGS[tag]
    return word.capitalize() if tag == "PROPN" else word
