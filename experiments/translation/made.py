"""Made pairs: dates in words and in ISO form, and sentences with names never seen."""

import datetime
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from experiments.data.pairs import Pair
from experiments.data.splits import part_of_line

FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)
MONTHS = (
    "january february march april may june july august september october november "
    "december"
).split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
TEENS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth"}
ORDINALS |= {"eight": "eighth", "nine": "ninth", "twelve": "twelfth"}
SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
VERBS = "met called saw thanked asked helped".split()
PLACES = "market river station garden bridge library".split()


class MadeParts(NamedTuple):
    """Pairs for training, validation and test."""

    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]


def made_dates(seed: int, sizes: tuple[int, int, int]) -> MadeParts:
    """Writes dates in four forms; no date of one part occurs in another.

    Args:
      seed: equal seeds give equal pairs.
      sizes: number of pairs for training, validation and test.

    Returns:
      The pairs, such as `tuesday the third of march nineteen eighty-seven` and
      `1987-03-03`.
    """

    def draw(rng):
        days = int(rng.integers((LAST - FIRST).days + 1))
        date = FIRST + datetime.timedelta(days=days)
        form = FORMS[rng.integers(len(FORMS))]
        return Pair(form(date), (date.isoformat(),))

    return _fill(draw, lambda pair: pair.targets[0], seed, sizes)


def made_names(seed: int, sizes: tuple[int, int, int]) -> MadeParts:
    """Makes sentences whose names are nearly all different, in all parts.

    A pair is `timo met saruva near the river` and `near the river saruva was met by
    timo`: names must be copied, the rest must be written.

    Args:
      seed: equal seeds give equal pairs.
      sizes: number of pairs for training, validation and test.

    Returns:
      The pairs.
    """

    def draw(rng):
        first, second = (
            "".join(rng.choice(SYLLABLES, rng.integers(2, 5))) for _ in range(2)
        )
        verb, place = rng.choice(VERBS), rng.choice(PLACES)
        return Pair(
            f"{first} {verb} {second} near the {place}",
            (f"near the {place} {second} was {verb} by {first}",),
        )

    return _fill(draw, lambda pair: pair.source, seed, sizes)


def number_in_words(number: int) -> str:
    """Spells a number from 1 to 99.

    Example:
      >>> number_in_words(7), number_in_words(40), number_in_words(87)
      ('seven', 'forty', 'eighty-seven')
    """
    if number < 20:
        return TEENS[number]
    tens, ones = divmod(number, 10)
    return TENS[tens] if ones == 0 else f"{TENS[tens]}-{TEENS[ones]}"


def ordinal_in_words(number: int) -> str:
    """Spells an ordinal from 1 to 99.

    Example:
      >>> ordinal_in_words(3), ordinal_in_words(20), ordinal_in_words(31)
      ('third', 'twentieth', 'thirty-first')
    """
    head, dash, last = number_in_words(number).rpartition("-")
    if last.endswith("y"):
        return last[:-1] + "ieth"
    return head + dash + ORDINALS.get(last, last + "th")


def year_in_words(year: int) -> str:
    """Spells a year as it is spoken.

    Example:
      >>> [year_in_words(year) for year in (1987, 1900, 1905, 2000, 2007, 2010)]
      ['nineteen eighty-seven', 'nineteen hundred', 'nineteen oh five', 'two thousand',
       'two thousand seven', 'twenty ten']
    """
    century, rest = divmod(year, 100)
    if century == 20 and rest < 10:
        return "two thousand" + (f" {TEENS[rest]}" if rest else "")
    if rest == 0:
        return f"{number_in_words(century)} hundred"
    ending = f"oh {TEENS[rest]}" if rest < 10 else number_in_words(rest)
    return f"{number_in_words(century)} {ending}"


def _in_words(date: datetime.date) -> str:
    return (
        f"the {ordinal_in_words(date.day)} of {MONTHS[date.month - 1]} "
        f"{year_in_words(date.year)}"
    )


FORMS: Sequence[Callable[[datetime.date], str]] = (
    _in_words,
    lambda date: f"{DAYS[date.weekday()]} {_in_words(date)}",
    lambda date: f"{MONTHS[date.month - 1]} {date.day}, {date.year}",
    lambda date: f"{date.day} {MONTHS[date.month - 1][:3]} {date.year}",
)


def _fill(draw, key_of, seed, sizes) -> MadeParts:
    """Draws pairs into the part that a checksum of their key belongs to."""
    rng = np.random.default_rng(seed)
    wanted = dict(zip(("train", "validation", "test"), sizes))
    parts: dict[str, list[Pair]] = {name: [] for name in wanted}
    while any(len(parts[name]) < size for name, size in wanted.items()):
        pair = draw(rng)
        name = part_of_line(key_of(pair))
        if len(parts[name]) < wanted[name]:
            parts[name].append(pair)
    return MadeParts(**parts)
