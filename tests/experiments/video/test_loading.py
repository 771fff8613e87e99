"""Clips in parts and batches: windows, splits, MNIST, and what is refused."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from experiments.data.splits import part_of_line
from experiments.harness import BadInput
from experiments.shared.buckets import rows_in_order
from experiments.video.loading import (
    ClipFlags,
    as_batch,
    load_clips,
    make_buckets,
    training_batches,
)

LENGTHS = {"a/1": 5, "a/2": 7, "a/3": 5, "a/4": 8, "b/5": 6, "b/6": 5, "b/7": 5}


@pytest.fixture
def folder(tmp_path):
    """Clips whose every frame has a value of its own."""
    for clip, (name, length) in enumerate(LENGTHS.items()):
        (tmp_path / name).mkdir(parents=True)
        for t in range(length):
            frame = np.full((3, 4), 10 * clip + t, np.uint8)
            Image.fromarray(frame).save(tmp_path / name / f"{t}.png")
    return tmp_path


def flags_of(folder, **options):
    return ClipFlags(data_path=folder, validation_path=folder, **options)


def test_windows_reach_over_every_frame(folder):
    clips = load_clips(flags_of(folder, window=2, horizon=2))
    expected = {
        f"{name} from frame {start}": 10 * i + start + np.arange(4)
        for i, (name, length) in enumerate(LENGTHS.items())
        for start in sorted({*range(0, length - 4, 2), length - 4})
    }
    assert list(clips.train.names) == list(expected)
    for frames, values in zip(clips.train.frames, expected.values()):
        np.testing.assert_array_equal(frames[:, 0, 0], values)
    assert clips.test.frames == []
    pixels = [
        value for i, n in enumerate(LENGTHS.values()) for value in 10 * i + np.arange(n)
    ]
    bright = (np.sum(pixels) * 12 / 255 + 1) / (len(pixels) * 12 + 2)
    symbols = clips.symbols
    assert (symbols.height, symbols.width, symbols.labels) == (3, 4, ())
    assert symbols.brightness == pytest.approx(bright)


def test_batches_of_clips_hold_each_once(folder):
    clips = load_clips(flags_of(folder, task="classify"))
    assert clips.symbols.labels == ("a", "b")
    batch, epoch_length = training_batches(clips, 3, seed=1)
    seen = []
    for i in range(epoch_length):
        frames, labels, mask = batch(i)
        for own, label, real in zip(frames, labels, mask):
            if real.any():
                first, length = int(own[0, 0, 0]), real.sum()
                np.testing.assert_array_equal(
                    own[:length, 0, 0], first + np.arange(length)
                )
                assert not own[length:].any() and real[:length].all()
                seen.append((first // 10, int(length), int(label)))
    lengths = [
        (i, n, int(name[0] == "b")) for i, (name, n) in enumerate(LENGTHS.items())
    ]
    assert sorted(seen) == lengths
    again, _ = training_batches(clips, 3, seed=1)
    np.testing.assert_array_equal(batch(2).frames, again(2).frames)


def test_a_folder_is_split_by_the_names_of_clips(tmp_path):
    for number in range(40):
        (tmp_path / str(number)).mkdir()
        for t in range(3):
            frame = Image.fromarray(np.full((2, 2), number, np.uint8))
            frame.save(tmp_path / str(number) / f"{t}.png")
    clips = load_clips(ClipFlags(data_path=tmp_path, window=2, horizon=1))
    for part in ("train", "validation", "test"):
        found = [int(frames[0, 0, 0]) for frames in getattr(clips, part).frames]
        assert found == [n for n in range(40) if part_of_line(str(n)) == part]


def test_made_clips_are_new_in_every_update():
    clips = load_clips(ClipFlags(window=3, horizon=2, num_digits=2))
    batch, _ = training_batches(clips, 4, seed=0)
    assert batch(0).frames.shape == (4, 5, 32, 32) and batch(0).mask.all()
    np.testing.assert_array_equal(batch(1).frames, batch(1).frames)
    assert (batch(0).frames != batch(1).frames).any()
    rows = next(rows_in_order(make_buckets(clips.validation, 4)))
    held = as_batch(clips.validation, rows).frames
    np.testing.assert_array_equal(held, np.stack(clips.validation.frames[:4]))


def test_mnist_is_halved_and_split(tmp_path, monkeypatch):
    from experiments.video import loading

    images = np.zeros((3, 4, 6), np.uint8)
    images[0, :2, :2] = [[255, 255], [0, 0]]  # half bright: on
    images[1, 2:, 4:] = [[255, 0], [0, 254]]  # less: off
    images[2] = 200
    parts = {
        "train": (images, np.array([1, 2, 3])),
        "t10k": (images[2:], np.array([9])),
    }
    monkeypatch.setattr(loading.lookup, "find", lambda name, data_dir: {})
    monkeypatch.setattr(loading, "read_mnist", lambda paths, part: parts[part])
    monkeypatch.setattr(loading, "NUM_TRAINING_DIGITS", 2)
    digits, _ = loading._load_digits(dataclasses.replace(ClipFlags(), dataset="mnist"))
    assert digits["train"].images[0].tolist() == [[True, False, False], [False] * 3]
    assert not digits["train"].images[1].any()
    assert digits["validation"].labels.tolist() == [3] and digits["test"].images.all()


def test_what_does_not_fit(folder, tmp_path_factory):
    with pytest.raises(BadInput, match="a.1: the clip must have at least 6 frames"):
        load_clips(flags_of(folder, window=4, horizon=2))
    other = tmp_path_factory.mktemp("other")
    (other / "c" / "1").mkdir(parents=True)
    Image.fromarray(np.zeros((3, 4), np.uint8)).save(other / "c" / "1" / "0.png")
    flags = dict(data_path=folder, validation_path=other, task="classify")
    with pytest.raises(BadInput, match="c.1: the label must be one .* got 'c'"):
        load_clips(ClipFlags(**flags))
    Image.fromarray(np.zeros((3, 5), np.uint8)).save(other / "c" / "1" / "0.png")
    with pytest.raises(BadInput, match="c.1: frames must be 4 x 3 .* got 5 x 3"):
        load_clips(ClipFlags(**flags))
    with pytest.raises(BadInput, match="too few clips: none is for"):
        load_clips(ClipFlags(data_path=folder / "a", window=2, horizon=1))
    with pytest.raises(ValueError, match="validation_path needs data_path"):
        ClipFlags(validation_path=folder)
