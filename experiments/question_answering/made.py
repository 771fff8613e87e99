"""Made stories: who went where, who carries what, and questions about it."""

import numpy as np

from experiments.data.splits import part_of_line
from experiments.question_answering.examples import Example, Parts

PEOPLE = "mary john sandra daniel julie fred".split()
PLACES = "garden kitchen office bathroom hallway park".split()
THINGS = "apple milk football".split()
MOVES = "went to", "moved to", "walked to", "ran to"


def made_stories(seed: int, sizes: tuple[int, int, int]) -> Parts:
    """Makes stories of 3 to 9 sentences with a question each.

    It is asked where somebody or something is, or whether somebody is at a place. A
    thing is where the one who took it is now, so two or three sentences answer that.
    No story of one part occurs in another.

    Args:
      seed: equal seeds give equal stories.
      sizes: number of stories for training, validation and test.

    Returns:
      The examples.
    """
    rng = np.random.default_rng(seed)
    parts = Parts([], [], [])
    while any(len(part) < size for part, size in zip(parts, sizes)):
        example = _draw(rng)
        name = part_of_line(" ".join(example.story))
        at = Parts._fields.index(name)
        if len(parts[at]) < sizes[at]:
            parts[at].append(example)
    return parts


def _draw(rng: np.random.Generator) -> Example:
    """Draws a story with a question that it answers."""

    def pick(names):
        return names[rng.integers(len(names))]

    people = [PEOPLE[i] for i in rng.permutation(len(PEOPLE))[:3]]
    sentences: list[tuple[str, ...]] = []
    moved: dict[str, tuple[str, int]] = {}  # where each is, and the sentence of it
    taken: dict[str, tuple[str, int]] = {}  # who has each thing, and the sentence
    for i in range(rng.integers(3, 10)):
        who, thing = pick(people), pick(THINGS)
        if who in moved and thing not in taken and rng.random() < 0.3:
            taken[thing] = who, i
            text = f"{who} took the {thing} ."
        else:
            moved[who] = pick(PLACES), i
            text = f"{who} {pick(MOVES)} the {moved[who][0]} ."
        sentences.append(tuple(text.split()))
    kind = rng.integers(3)
    if kind == 0 and taken:
        thing = pick(list(taken))
        who, at = taken[thing]
        answer, place_at = moved[who]
        asked, support = f"where is the {thing} ?", tuple(sorted({at, place_at}))
    else:
        who = pick(list(moved))
        answer, place_at = moved[who]
        asked, support = f"where is {who} ?", (place_at,)
        if kind == 1:
            is_true = rng.random() < 0.5
            others = [place for place in PLACES if place != answer]
            asked = f"is {who} in the {answer if is_true else pick(others)} ?"
            answer = "yes" if is_true else "no"
    return Example(tuple(sentences), tuple(asked.split()), answer, support)
