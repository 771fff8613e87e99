"""One error for all readers, which says where."""

from pathlib import Path

import pytest

from experiments.harness import BadInput


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ({}, "wrong."),
        ({"path": Path("a/b.txt")}, "a/b.txt: wrong."),
        ({"path": "b.txt", "line": 3}, "b.txt, line 3: wrong."),
        ({"path": "b.mid", "byte": 0}, "b.mid, byte 0: wrong."),
        ({"line": 7}, "line 7: wrong."),
    ],
)
def test_the_text_begins_with_the_place(place, text):
    error = BadInput("wrong.", **place)
    assert isinstance(error, ValueError)
    assert str(error) == text
    assert error.message == "wrong."
    for name in ("path", "line", "byte"):
        assert getattr(error, name) == place.get(name)
