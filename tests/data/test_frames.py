"""Folders of PNG frames: grey values by hand, order, and what is refused."""

import io
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from experiments.data import frames
from experiments.data.frames import read_clip, read_clips, read_frame
from experiments.harness.errors import BadInput
from tests.data.mutations import mutations

GREY = np.random.default_rng(0).integers(0, 256, (5, 7), np.uint8)


def chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(rows, width, bit_depth=8, color=0, *, height=None, extra=b""):
    """Writes a PNG file by the standard: every row as bytes, not filtered."""
    head = struct.pack(
        ">IIBBBBB", width, height or len(rows), bit_depth, color, 0, 0, 0
    )
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    chunks = chunk(b"IHDR", head) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


@pytest.mark.parametrize(
    ("content", "grey"),
    [
        (png(GREY, 7), GREY),
        (png([[0b10110000], [0b01100000]], 3, 1), [[255, 0, 255], [0, 255, 255]]),
        (png([struct.pack(">3H", 0, 255, 0xA1FF)], 3, 16), [[0, 0, 0xA1]]),
        # ITU-R 601: 0.299 R + 0.587 G + 0.114 B
        (png([[255, 0, 0, 0, 255, 0, 0, 0, 255]], 3, 8, 2), [[76, 150, 29]]),
        (png([[9, 0, 70, 255]], 2, 8, 4), [[9, 70]]),
    ],
    ids=["8 bits", "1 bit", "16 bits", "colours", "transparency"],
)
def test_grey_values(tmp_path, content, grey):
    path = tmp_path / "frame.png"
    path.write_bytes(content)
    found = read_frame(path)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, grey)


def test_numbers_in_names_are_numbers(tmp_path):
    for number in (10, 9, 1, 100):
        save(tmp_path / f"f{number}.png", np.full((2, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("no frame")
    (tmp_path / "._f1.png").write_bytes(b"of another system")
    assert read_clip(tmp_path)[:, 0, 0].tolist() == [1, 9, 10, 100]


def test_clips_of_classes_and_of_none(tmp_path):
    clips = {"cat/2": 3, "cat/10": 1, "dog/a": 2}
    for name, length in clips.items():
        for t in range(length):
            save(tmp_path / name / f"{t}.png", GREY + np.uint8(t))
    found = read_clips(tmp_path, labelled=True)
    assert [(clip.name, clip.label) for clip in found] == [
        ("cat/2", "cat"),
        ("cat/10", "cat"),
        ("dog/a", "dog"),
    ]
    assert [len(clip.frames) for clip in found] == [3, 1, 2]
    np.testing.assert_array_equal(found[0].frames[2], GREY + np.uint8(2))
    found = read_clips(tmp_path, labelled=False)
    assert [(clip.name, clip.label) for clip in found] == [(n, None) for n in clips]
    (only,) = read_clips(tmp_path / "cat" / "2", labelled=False)
    assert only.name == "." and len(only.frames) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "frame.png: a frame must be a PNG image, got UnidentifiedImageError"),
        (b"GIF89a", "must be a PNG image, got UnidentifiedImageError"),
        (png(GREY, 7)[:40], "must be a PNG image, got"),
        (png(GREY, 7)[:-40], "must be a PNG image, got"),
        (png([[0]], 1, height=65_537), r"at most 65,536 pixels, got 1 x 65,537: make"),
        (png([[0]], 60_000, height=60_000), "must be a PNG image, got Decompression"),
        (
            png(
                GREY, 7, extra=chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 24)))
            ),
            "must be a PNG image, got ValueError: Decompressed data too large",
        ),
    ],
    ids=["empty", "GIF", "head", "cut", "long", "bomb", "text"],
)
def test_what_is_no_frame(tmp_path, content, message):
    path = tmp_path / "frame.png"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_frame(path)


def test_an_animation_and_a_large_file_are_refused(tmp_path, monkeypatch):
    first, second = (Image.fromarray(x) for x in (GREY, GREY.T.reshape(5, 7)))
    path = tmp_path / "a.png"
    first.save(path, save_all=True, append_images=[second])
    with pytest.raises(BadInput, match="a frame must be one image, got an animation"):
        read_frame(path)
    monkeypatch.setattr(frames, "MOST_BYTES", 50)
    with pytest.raises(BadInput, match="at most 50 bytes, got "):
        read_frame(path)


def test_folders_that_hold_no_clips(tmp_path):
    with pytest.raises(BadInput, match="clips must be in a folder"):
        read_clips(tmp_path / "nowhere", labelled=True)
    with pytest.raises(BadInput, match="a folder per class, got none"):
        read_clips(tmp_path, labelled=True)
    with pytest.raises(BadInput, match="a clip must be a folder"):
        read_clip(tmp_path / "nowhere")
    save(tmp_path / "cat" / "1" / "0.png", GREY)
    (tmp_path / "dog").mkdir()
    with pytest.raises(BadInput, match="dog: a class must have a folder per clip"):
        read_clips(tmp_path, labelled=True)
    (tmp_path / "dog" / "1").mkdir()
    with pytest.raises(BadInput, match=r"dog.1: a clip must hold 1 to 10,000 frames"):
        read_clips(tmp_path, labelled=True)
    save(tmp_path / "dog" / "1" / "0.png", GREY[:, :6])
    with pytest.raises(BadInput, match="dog.1: frames must be 7 x 5 .* got 6 x 5"):
        read_clips(tmp_path, labelled=True)
    save(tmp_path / "cat" / "1" / "1.png", GREY[:4])
    with pytest.raises(BadInput, match="1.png: frames must be 7 x 5 .* got 7 x 4"):
        read_clip(tmp_path / "cat" / "1")


@pytest.mark.parametrize("number", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_frames(tmp_path, number):
    path = tmp_path / "frame.png"
    buffer = io.BytesIO()
    palette = Image.fromarray(GREY).convert("P")
    palette.save(buffer, "PNG", transparency=3, comment="a text")
    extra = chunk(b"tEXt", b"key\0value") + chunk(b"gAMA", struct.pack(">I", 45455))
    originals = [png(GREY, 7, extra=extra), buffer.getvalue()]
    rng, slowest, refused = np.random.default_rng(0), 0.0, 0
    tracemalloc.start()
    for original in originals:
        for content in mutations(original, rng, number // 2):
            path.write_bytes(content)
            start = time.perf_counter()
            try:
                frame = read_frame(path)
            except BadInput:
                refused += 1
            else:
                assert frame.dtype == np.uint8 and frame.size <= frames.MOST_PIXELS
            slowest = max(slowest, time.perf_counter() - start)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert slowest < 2 and peak < 20e6
    assert number // 4 < refused < number
