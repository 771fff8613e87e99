"""Captions of images: what is read, what is refused and where, damaged files."""

import numpy as np
import pytest

from experiments.data.captions import Captioned, read_captions, read_names, words_of
from experiments.harness import BadInput
from tests.data.mutations import mutations

TEXT = (
    "b.jpg\tein Häuschen .\r\n"
    "a/c.PNG\tA dog\n"
    "b.jpg \t Ein kleines Haus\n"
    "d.jpeg#0\tZwei\nd.jpeg#1\tDrei\n"
)


def test_captions_are_gathered_by_image(tmp_path):
    path = tmp_path / "captions.txt"
    path.write_text(TEXT, encoding="latin-1", newline="")
    assert read_captions(path, "latin-1") == [
        Captioned("b.jpg", ("ein Häuschen .", "Ein kleines Haus"), 1),
        Captioned("a/c.PNG", ("A dog",), 2),
        Captioned("d.jpeg", ("Zwei", "Drei"), 4),
    ]


def test_words_are_lower_case_and_without_punctuation():
    words = words_of('Two-year-old "Ann\'s" dog,  running (fast)... Über 3 bäche!')
    assert words == [
        *("two-year-old", "ann's", "dog", "running", "fast", "über", "3", "bäche")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg\tA dog\nb.jpg a cat\n", "line 2: .* a tab and a caption, got 0 tabs"),
        ("a.jpg\tA\tdog\n", "line 1: .* got 2 tabs"),
        ("a.jpg\tA dog\n\nb.jpg\tA cat", "line 2: .* got 0 tabs"),
        ("a.jpg\tA dog\nb.jpg\t ... \n", "line 2: the caption must hold a word, got"),
        ("a.gif\tA dog", "line 1: the name must end in .jpeg, .jpg or .png, got 'a.g"),
        ("\tA dog", "line 1: the name must end in .*, got ''"),
        ("", "captions.txt: the file must hold a text, got an empty one"),
        ("\n", "line 1: the line must have the name of a file"),
    ],
)
def test_lines_that_are_no_captions(tmp_path, text, message):
    path = tmp_path / "captions.txt"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        read_captions(path)


def test_names_of_a_part(tmp_path):
    path = tmp_path / "names"
    path.write_text("a.jpg\n b.jpg \n")
    assert read_names(path) == ["a.jpg", "b.jpg"]
    path.write_text("a.jpg\n\nb.jpg")
    with pytest.raises(BadInput, match="names, line 2: the line must hold a name"):
        read_names(path)


@pytest.mark.parametrize("number", [100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_are_read_or_refused(tmp_path, number):
    path = tmp_path / "captions.txt"
    for content in mutations(TEXT.encode(), np.random.default_rng(4), number):
        path.write_bytes(content)
        try:
            images = read_captions(path)
        except BadInput:
            continue
        names = [own.name for own in images]
        assert images and len(set(names)) == len(names)
        assert all(own.captions and all(map(words_of, own.captions)) for own in images)
