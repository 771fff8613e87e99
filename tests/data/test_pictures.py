"""Pictures in colour: how they are scaled and turned, and what is refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from experiments.data.pictures import decode_picture, read_picture
from experiments.harness import BadInput
from tests.data.mutations import mutations

SIZE = 4
RNG = np.random.default_rng(0)
COLORS = RNG.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)


def encoded(pixels, kind="PNG", **options):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **options)
    return content.getvalue()


def test_colors_are_read_as_they_are(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(COLORS))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", SIZE), COLORS)
    plain = np.full((8, 8, 3), (200, 30, 90), np.uint8)
    read = decode_picture(encoded(plain, "JPEG", quality=95), SIZE, "a.jpg")
    assert np.abs(read.astype(int) - plain[:4, :4]).max() <= 3


def test_what_is_larger_is_averaged_along_each_axis():
    wide = RNG.integers(0, 256, (2 * SIZE, 3 * SIZE, 3)).astype(np.uint8)
    read = decode_picture(encoded(wide), SIZE, "a.png")
    means = wide.reshape(SIZE, 2, SIZE, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(read, means, atol=1.01)


def test_other_modes_become_colors():
    grey = COLORS[..., 0]
    of_grey = np.repeat(grey[..., None], 3, axis=2)
    sixteen = grey.astype(np.uint16) << 8
    for pixels in (grey, sixteen):
        read = decode_picture(encoded(pixels), SIZE, "a.png")
        np.testing.assert_array_equal(read, of_grey)
    alpha = np.concatenate([COLORS, np.zeros_like(COLORS[..., :1])], axis=2)
    alpha[:2, :, 3] = 255
    read = decode_picture(encoded(alpha), SIZE, "a.png")
    np.testing.assert_array_equal(read[:2], COLORS[:2])
    assert not read[2:].any()


def test_a_picture_is_turned_as_the_camera_says():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the first row is the right column
    read = decode_picture(encoded(COLORS, exif=exif), SIZE, "a.png")
    np.testing.assert_array_equal(read, np.rot90(COLORS, -1))


def huge():
    """A PNG file whose header says 10,000 by 10,000."""
    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    length, check = (struct.pack(">I", n) for n in (len(header), zlib.crc32(chunk)))
    return b"\x89PNG\r\n\x1a\n" + length + chunk + check + encoded(COLORS)[33:]


def animation():
    frames = [Image.fromarray(COLORS), Image.fromarray(255 - COLORS)]
    content = io.BytesIO()
    frames[0].save(content, "PNG", save_all=True, append_images=frames[1:])
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a picture must be a PNG or JPEG image, got Unidentified.*file it"),
        (b"not a picture at all", "a picture must be a PNG or JPEG image"),
        (encoded(COLORS, "GIF"), "a picture must be a PNG or JPEG image"),
        (encoded(COLORS)[:-30], "a picture must be a PNG or JPEG image"),
        (
            huge(),
            "a picture .* at most 67,108,864 pixels, got 10,000 x 10,000",
        ),
        (animation(), "a picture must be one image, got an animation"),
    ],
    ids=["empty", "text", "gif", "cut", "huge", "animation"],
)
def test_what_does_not_decode_is_named(tmp_path, content, message):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=f"a.png: {message}"):
        read_picture(path, SIZE)


def test_files_that_are_none_or_too_large(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match="b.png: there must be a picture, got no such"):
        read_picture(tmp_path / "b.png", SIZE)
    (tmp_path / "b.png").write_bytes(encoded(COLORS))
    monkeypatch.setattr("experiments.data.pictures.MOST_BYTES", 10)
    with pytest.raises(BadInput, match="a picture's file must have at most 10 bytes"):
        read_picture(tmp_path / "b.png", SIZE)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("number", [100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_pictures_are_read_or_refused(kind, number):
    whole = encoded(COLORS, kind)
    for content in mutations(whole, np.random.default_rng(3), number):
        try:
            read = decode_picture(content, SIZE, "a")
        except BadInput:
            continue
        assert read.shape == COLORS.shape and read.dtype == np.uint8
