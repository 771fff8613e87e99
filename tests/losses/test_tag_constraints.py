"""BIO and BIOES by the entities that their sequences spell."""

import itertools

import pytest

from rnnjax.losses.tag_constraints import (
    bio_constraints,
    bioes_constraints,
    tag_constraints,
)
from tests.losses.tag_paths import is_allowed

BIO = ("I-X", "B-Y", "O", "I-Y", "B-X")
BIOES = ("O", "B-X", "E-X", "I-X", "S-X", "S-Y", "B-Y", "E-Y")


def spelled(entities, single=None, end=None):
    """Writes entities, `(type or None, length)`, as tags."""
    for kind, length in entities:
        if kind is None:
            yield from ["O"] * length
        elif single is not None and length == 1:
            yield f"{single}-{kind}"
        else:
            inside = ["I"] * (length - 1)
            if end is not None:
                inside[-1] = end
            yield from (f"{prefix}-{kind}" for prefix in ["B", *inside])


def all_spelled(num_steps, **letters):
    """Returns what can be spelled in that many steps, as a set of tuples of tags."""
    found = {0: {()}}
    for steps in range(1, num_steps + 1):
        found[steps] = {
            (*before, *spelled([(kind, length)], **letters))
            for length in range(1, steps + 1)
            for before in found[steps - length]
            for kind in ("X", "Y", None)
        }
    return found[num_steps]


@pytest.mark.parametrize(
    ("constraints", "letters"),
    [
        (bio_constraints(BIO), {}),
        (bioes_constraints(BIOES), {"single": "S", "end": "E"}),
        (bioes_constraints([x.replace("S", "U") for x in BIOES]), {"single": "U"}),
    ],
    ids=["bio", "bioes", "bioeu"],
)
def test_what_is_allowed_is_what_entities_spell(constraints, letters):
    """BIOES knows no I-Y here, so what would need it cannot be written."""
    letters = {"end": "E"} | letters if "single" in letters else letters
    allowed = {
        tuple(constraints.tags[i] for i in path)
        for path in itertools.product(range(len(constraints.tags)), repeat=4)
        if is_allowed(path, constraints)
    }
    known = set(constraints.tags)
    assert allowed == {path for path in all_spelled(4, **letters) if set(path) <= known}


def test_spellings_of_bioes_are_the_same():
    bioes = bioes_constraints(("O", "B-X", "I-X", "E-X", "S-X"))
    bilou = bioes_constraints(("O", "B-X", "I-X", "L-X", "U-X"))
    assert bioes[1:] == bilou[1:]
    bmes = bioes_constraints(("B", "M", "E", "S"))
    assert bmes.start == (True, False, False, True)
    assert bmes.end == (False, False, True, True)
    assert bmes.transitions[0] == bmes.transitions[1] == (False, True, True, False)


def test_types_may_contain_dashes():
    found = bio_constraints(("B-a-b", "I-a-b", "I-a"))
    assert found.transitions[0] == (True, True, False)


@pytest.mark.parametrize(
    ("make", "tags", "message"),
    [
        (
            bio_constraints,
            ("O", "E-X"),
            "must be O or begin with one of B, I, got 'E-X'",
        ),
        (
            bio_constraints,
            ("O", "PER"),
            "must be O or begin with one of B, I, got 'PER'",
        ),
        (bioes_constraints, ("O", "X-B"), "must be O or begin with one of B, I, M"),
        (bio_constraints, ("O", "O"), "tags must be different names, got"),
        (lambda tags: tag_constraints(tags, min), (), "tags must be different names"),
    ],
)
def test_wrong_tags_are_refused(make, tags, message):
    with pytest.raises(ValueError, match=message):
        make(tags)
