"""Made stories, packed images, numbers and batches of questions."""

import json

import numpy as np
import pytest

from experiments.data.stories import read_stories
from experiments.harness import BadInput
from experiments.question_answering.batches import Batcher, common_shapes
from experiments.question_answering.examples import (
    Example,
    Loaded,
    Parts,
    encode,
    examples_of,
    make_symbols,
    shuffled_stories,
)
from experiments.question_answering.loading import StoryFlags
from experiments.question_answering.made import PLACES, made_stories
from experiments.question_answering.scores import majority
from experiments.question_answering.visual import read_easy_vqa

SIZES = (60, 12, 14)


def follow(example):
    """The answer, by following the story word by word."""
    at, has = {}, {}
    for who, *_, last, _ in example.sentences:
        if last in PLACES:
            at[who] = last
        else:
            has.setdefault(last, who)
    asked = example.question
    if asked[0] == "is":
        return "yes" if at[asked[1]] == asked[-2] else "no"
    about = asked[-2]
    return at[has.get(about, about)]


def test_made_stories_answer_their_questions():
    parts = made_stories(0, SIZES)
    assert tuple(map(len, parts)) == SIZES
    stories = [{example.story for example in part} for part in parts]
    assert not stories[0] & (stories[1] | stories[2]) and not stories[1] & stories[2]
    kinds = set()
    for example in parts.train:
        assert follow(example) == example.answer
        kinds.add((example.question[0], len(example.question)))
        # The sentences that answer it are enough by themselves.
        proof = tuple(example.sentences[place] for place in example.support)
        assert follow(example._replace(sentences=proof)) == example.answer
    assert kinds == {("where", 4), ("where", 5), ("is", 6)}


def test_questions_see_the_sentences_before_them(tmp_path):
    path = tmp_path / "stories.txt"
    path.write_text("1 A b.\n2 A?\tb\t1\n3 A c d.\n4 A?\td\t3\n1 B e.\n2 B?\te\t1\n")
    examples = examples_of(read_stories(path), path)
    a, c = ("a", "b", "."), ("a", "c", "d", ".")
    assert [example.sentences for example in examples] == [
        (a,),
        (a, c),
        (("b", "e", "."),),
    ]
    assert [example.support for example in examples] == [(0,), (1,), (0,)]
    assert [example.line for example in examples] == [2, 4, 6]
    mixed = shuffled_stories(examples, seed=0)
    assert sorted(e.sentences for e in mixed) == sorted(e.sentences for e in examples)
    for before, after in zip(examples, mixed):
        assert before.sentences != after.sentences
        assert before.question == after.question and before.answer == after.answer


def test_batches_hold_every_question_once():
    parts = made_stories(1, SIZES)
    symbols = make_symbols(Loaded({"stories": parts}, {}), ["stories"])
    encoded = [encode(part, symbols) for part in parts]
    shapes = common_shapes(encoded, batch_size=8, max_shapes=3)
    assert len(shapes.story) == 3
    words = symbols.words.symbols
    for part in (parts.train, parts.validation, parts.test):
        batcher, seen = Batcher(encode(part, symbols), shapes), []
        for rows, batch in batcher.in_order():
            assert batch.story.shape[0] == 8
            for row, index in enumerate(rows.indices):
                assert batch.weights[row] == (index >= 0)
                if index < 0:
                    assert not batch.story_mask[row].any()
                    continue
                seen.append(index)
                story = batch.story[row][batch.story_mask[row]]
                question = batch.question[row][batch.question_mask[row]]
                assert tuple(words[i] for i in story) == part[index].story
                assert tuple(words[i] for i in question) == part[index].question
                assert symbols.answers[batch.targets[row]] == part[index].answer
        assert sorted(seen) == list(range(len(part)))


def test_an_answer_never_seen_has_no_number_and_the_majority_is_of_training():
    train = [Example((("a",),), ("?",), answer) for answer in "xyy"]
    test = [Example((("a",),), ("?",), answer) for answer in "yzxyy"]
    symbols = make_symbols(Loaded({"own": Parts(train, test, [])}, {}), ["own"])
    assert encode(test, symbols).targets.tolist() == [1, -1, 0, 1, 1]
    assert majority(train, test) == 3 / 5


def pack(directory, train, test, questions):
    paths = {"images.npz": directory / "images.npz"}
    np.savez(paths["images.npz"], train_images=train, test_images=test)
    for part, content in zip(("train", "test"), questions):
        name = f"{part}_questions.json"
        paths[name] = directory / name
        paths[name].write_text(json.dumps(content))
    return paths


def test_packed_images_are_read(tmp_path):
    images = np.random.default_rng(0).integers(256, size=(14, 5, 4, 3)).astype(np.uint8)
    asked = [["what is it?", "circle", 0], ["Is it red?", "no", 9]]
    paths = pack(tmp_path, images[:11], images[11:], (asked, [["is it?", "yes", 2]]))
    parts, found = read_easy_vqa(paths)
    assert (found == images).all()
    (train,), (validation,), (test,) = parts
    assert train.question == ("what", "is", "it", "?") and train.image == 0
    assert validation.answer == "no" and validation.image == 9
    assert test.image == 13  # the third behind the eleven


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (["what?", "circle", 11], "question 0 must be .* 11 images"),
        (["what?", "circle", -1], "question 0 must be"),
        (["what?", "", 0], "question 0 must be"),
        (["what?", 0], "question 0 must be"),
        ([" ", "circle", 0], "question 0 must be"),
    ],
)
def test_questions_about_no_image(tmp_path, entry, message):
    images = np.zeros((11, 5, 4, 3), np.uint8)
    paths = pack(tmp_path, images, images, ([entry], []))
    with pytest.raises(BadInput, match=message):
        read_easy_vqa(paths)


def test_broken_packed_images(tmp_path):
    images = np.zeros((11, 5, 4, 3), np.uint8)
    paths = pack(tmp_path, images, images[:, :2], ([], []))
    with pytest.raises(BadInput, match="images must be uint8"):
        read_easy_vqa(paths)
    whole = paths["images.npz"].read_bytes()
    for content in (whole[:40], b"", b"not an archive"):
        paths["images.npz"].write_bytes(content)
        with pytest.raises(BadInput, match="must hold train_images and test_images"):
            read_easy_vqa(paths)
    paths = pack(tmp_path, images, images, ({}, []))
    with pytest.raises(BadInput, match="must hold a list of questions"):
        read_easy_vqa(paths)
    paths["train_questions.json"].write_text("[")
    with pytest.raises(BadInput, match="must be JSON"):
        read_easy_vqa(paths)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"task": 3}, "task must not be given without --dataset babi"),
        ({"task": 21, "dataset": "babi"}, "task must be from 1 to 20, got 21"),
        ({"test_path": "a"}, "test_path needs validation_path"),
        ({"validation_path": "a"}, "validation_path needs data_path"),
    ],
)
def test_flags_that_do_not_fit(flags, message):
    with pytest.raises(ValueError, match=message):
        StoryFlags(**flags)
