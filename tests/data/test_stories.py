"""Stories: what is read, what is refused and where, damaged files."""

import numpy as np
import pytest

from experiments.data.stories import Question, Story, read_stories, words_of
from experiments.harness import BadInput
from tests.data.mutations import mutations

TEXT = (
    "1 Mary moved to the bathroom.\n"
    "2 Where is Mary? \tbathroom\t1\r\n"
    "3 John's here.\n"
    "5 What has John?\tmilk,apple\t3 1\n"
    "1 Ein Käfer.\n"
    "2 Wo?\tda\n"
)
STORIES = [
    Story(
        (
            ("mary", "moved", "to", "the", "bathroom", "."),
            ("john", "'", "s", "here", "."),
        ),
        (
            Question(("where", "is", "mary", "?"), "bathroom", 1, (0,), 2),
            Question(("what", "has", "john", "?"), "milk,apple", 2, (1, 0), 4),
        ),
    ),
    Story((("ein", "käfer", "."),), (Question(("wo", "?"), "da", 1, (), 6),)),
]


def test_a_file_is_read(tmp_path):
    path = tmp_path / "stories.txt"
    path.write_text(TEXT, encoding="latin-1", newline="")
    assert read_stories(path, "latin-1") == STORIES
    assert words_of(" A b-c ") == ("a", "b", "-", "c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 A b.\n2 A c.\n", "line 1: the story that begins here must have a question"),
        ("1 A b.\n2 Is A b?\tyes\n1 A c.\n1 D e.\n", "line 3: the story that begins"),
        ("1 A b.\n2 Is A b?\n", "line 2: the question must be followed by a tab"),
        ("1 A b.\n2 Is A b?\t\n", "line 2: the question must have an answer"),
        ("1 Is A b?\tyes\n", "line 1: the question must come after its story"),
        ("A b.\n", "line 1: the line must have a number, a blank and a text, got 'A b"),
        ("1 A b.\n\n", "line 2: the line must have a number, .* got ''"),
        ("1 A b.\n2\n", "line 2: the line must have a number, .* got '2'"),
        ("2 A b.\n", "line 1: the number must be 1, where a story begins, got 2"),
        ("1 A b.\n3 C d.\n3 E f.\n", "line 3: the number must be 1.* than 3, got 3"),
        ("1 A b.\n2 Is A b?\tyes\t2\n", "line 2: a line that answers must .* got '2'"),
        ("1 A b.\n2 Is A b?\tyes\tx\n", "line 2: a line that answers must .* got 'x'"),
        ("1 A b.\n2 Is A b?\tyes\t1\t1\n", "line 2: .* one tab or two, got 3"),
        ("1 A b.\n2 \tyes\n", "line 2: the line must have a word before its tab"),
        ("", "must hold a text"),
    ],
)
def test_lines_that_tell_no_story(tmp_path, text, message):
    path = tmp_path / "stories.txt"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        read_stories(path)


@pytest.mark.parametrize("number", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_are_read_or_refused(tmp_path, number):
    path = tmp_path / "stories.txt"
    for content in mutations(TEXT.encode(), np.random.default_rng(5), number):
        path.write_bytes(content)
        try:
            stories = read_stories(path)
        except BadInput:
            continue
        for story in stories:
            assert all(story.sentences) and story.questions
            for question in story.questions:
                assert question.words and question.answer
                assert 1 <= question.num_read <= len(story.sentences)
                assert all(place < question.num_read for place in question.support)
