"""Made reviews, whose verdict depends on the order of their words.

A review praises or faults some aspects of a film. Half of its opinions are turned
around: "not dull" praises, "i expected a brilliant plot but it was flat" faults. So the
words alone, without their order, tell little.
"""

import numpy as np

from experiments.data.labelled_texts import LabelledText, words_of

ASPECTS = {
    "acting": "acting cast lead hero".split(),
    "plot": "plot story ending script".split(),
    "music": "music score sound song".split(),
    "pictures": "camera light scenery pictures".split(),
    "jokes": "jokes humour wit dialogue".split(),
}
PRAISE = "brilliant moving clever fresh superb honest warm sharp".split()
FAULTS = "dull flat clumsy stale awful false cold tired".split()
# {right} is an adjective of the opinion, {wrong} one of the opposite.
PLAIN = ["the {noun} was {right}", "such {right} {noun}", "{right} {noun} all along"]
TURNED = [
    "the {noun} was not {wrong}",
    "nobody could call the {noun} {wrong}",
    "the {noun} is far from {wrong}",
    "i expected {wrong} {noun} but it was {right}",
    "they told me of {wrong} {noun} and they were mistaken",
]
FILLERS = [
    "i saw it on a friday with my sister",
    "it runs for two hours",
    "the director has made three films before",
    "we sat in the second row",
    "the book came out years ago",
]


def made_reviews(seed: int, number: int, target: str) -> list[LabelledText]:
    """Makes reviews.

    Args:
      seed: equal seeds give equal reviews.
      number: number of reviews.
      target: what their label is. `label`: `positive` if more is praised than faulted,
        otherwise `negative`. `labels`: the aspects that are praised, separated by `|`.
        `number`: how many more are praised than faulted.

    Returns:
      The reviews.
    """
    rng = np.random.default_rng(seed)
    return [_make(rng, target) for _ in range(number)]


def _make(rng: np.random.Generator, target: str) -> LabelledText:
    names = sorted(ASPECTS)
    chosen = rng.choice(names, size=rng.choice([1, 3, 5]), replace=False)
    praised = {str(name): bool(rng.random() < 0.5) for name in chosen}
    sentences = [_opinion(rng, name, good) for name, good in praised.items()]
    for filler in rng.choice(FILLERS, size=rng.integers(3), replace=False):
        sentences.insert(rng.integers(len(sentences) + 1), str(filler))
    excess = 2 * sum(praised.values()) - len(praised)
    labels = {
        "label": "positive" if excess > 0 else "negative",
        "labels": "|".join(name for name in names if praised.get(name)),
        "number": str(excess),
    }
    return LabelledText(words_of(". ".join(sentences)), labels[target])


def _opinion(rng: np.random.Generator, aspect: str, good: bool) -> str:
    right, wrong = (PRAISE, FAULTS) if good else (FAULTS, PRAISE)
    pattern = rng.choice(PLAIN if rng.random() < 0.5 else TURNED)
    return str(pattern).format(
        noun=rng.choice(ASPECTS[aspect]),
        right=rng.choice(right),
        wrong=rng.choice(wrong),
    )
