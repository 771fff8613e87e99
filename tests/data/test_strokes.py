"""Strokes as offsets, at other spacings, in styles, as pictures, and by fonts."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from experiments.data.stroke_drawing import to_png, to_svg
from experiments.data.stroke_fonts import FONTS, Style, characters_of, write_text
from experiments.data.stroke_style import lean, normalize, size_of, slant_of
from experiments.data.strokes import (
    Drawing,
    from_offsets,
    join,
    resample,
    thin,
    to_offsets,
)
from experiments.harness import BadInput


def draw_strokes(rng, lengths=(5, 1, 3)):
    return [rng.normal(size=(length, 2)).cumsum(axis=0) for length in lengths]


def test_offsets_lead_back_to_the_strokes():
    strokes = draw_strokes(np.random.default_rng(0))
    offsets = to_offsets(strokes)
    assert offsets[:, 2].tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 1]
    back = from_offsets(offsets)
    assert [len(stroke) for stroke in back] == [5, 1, 3]
    for got, stroke in zip(back, strokes):
        np.testing.assert_allclose(got, stroke - strokes[0][0], atol=1e-12)
    unfinished = from_offsets(offsets[:7])
    assert [len(stroke) for stroke in unfinished] == [5, 1, 1]


def test_resampled_points_are_on_the_stroke_at_equal_distances():
    corner = np.array([[0.0, 0], [3, 0], [3, 0], [3, 4]])
    dot, still = np.array([[8.0, 8]]), np.array([[2.0, 5], [2, 5]])
    long, *others = resample([corner, dot, still], spacing=1.5)
    expected = [[0, 0], [1.4, 0], [2.8, 0], [3, 1.2], [3, 2.6], [3, 4]]
    np.testing.assert_allclose(long, expected, atol=1e-12)
    assert [other.tolist() for other in others] == [[[8, 8]], [[2, 5]]]
    with pytest.raises(ValueError, match="spacing must be positive, got 0"):
        resample([corner], 0)


def test_thinned_strokes_keep_their_ends():
    strokes = draw_strokes(np.random.default_rng(1), (7, 1, 6))
    thinned = thin(strokes, 3)
    for got, stroke, kept in zip(thinned, strokes, ([0, 3, 6], [0], [0, 3, 5])):
        assert got.tolist() == stroke[kept].tolist()
    with pytest.raises(ValueError, match="every must be positive, got 0"):
        thin(strokes, 0)


def test_joined_words_stand_apart_on_one_line():
    rng = np.random.default_rng(2)
    words = [Drawing(draw_strokes(rng), text, text) for text in ("ab", "c", "de")]
    line = join(words, gap=2.5)
    assert (line.text, line.group, len(line.strokes)) == ("ab c de", "ab c de", 9)
    boxes = [np.concatenate(line.strokes[i : i + 3])[:, 0] for i in (0, 3, 6)]
    for left, right in zip(boxes, boxes[1:]):
        assert right.min() - left.max() == pytest.approx(2.5)
    got = np.concatenate(line.strokes)[:, 1]
    want = np.concatenate([stroke for word in words for stroke in word.strokes])[:, 1]
    assert got.tolist() == want.tolist()
    assert join([words[0], words[1]._replace(text=None)], 1).text is None


@pytest.mark.parametrize("font", FONTS)
def test_slant_and_size_are_measured_as_they_were_made(font):
    def written(slant, size):
        style = Style(slant, size, jitter=0.1)
        rng = np.random.default_rng(3)
        return write_text("handling the pen", font, style, rng).strokes

    plain = slant_of(written(0, 1)), size_of(written(0, 1))
    for slant, size in ((0.4, 1.0), (-0.2, 2.5), (0.2, 0.5)):
        strokes = written(slant, size)
        assert slant_of(strokes) - plain[0] == pytest.approx(slant, abs=0.08)
        assert size_of(strokes) / plain[1] == pytest.approx(size, rel=1e-9)
        points = np.concatenate(written(0, 1)) * size
        sheared = np.stack([points[:, 0] - slant * points[:, 1], points[:, 1]], axis=1)
        assert np.abs(np.concatenate(strokes) - sheared).max() < 0.6 * size


def test_style_is_taken_out_only_as_asked():
    rng = np.random.default_rng(4)
    strokes = write_text("minimum", "rowmans", Style(0.5, 3.0, 0.2), rng).strokes
    upright = normalize(strokes, slant=True, size=False)
    assert slant_of(upright) == pytest.approx(0, abs=0.02)
    assert size_of(upright) == pytest.approx(size_of(strokes))
    small = normalize(strokes, slant=False, size=True)
    assert size_of(small) == pytest.approx(1)
    assert slant_of(small) == pytest.approx(slant_of(strokes))
    flat = [np.array([[0.0, 1.0], [5.0, 1.0]])]
    assert slant_of(flat) == 0 and size_of([np.zeros((1, 2))]) == 0
    with pytest.raises(ValueError, match="must have a height to be scaled, got none"):
        normalize(flat, slant=False, size=True)
    assert slant_of(lean([np.array([[0.0, 0.0], [0.0, -2.0]])], 0.7)) == 0.7


def test_text_without_jitter_is_the_font_itself():
    rng = np.random.default_rng(5)
    drawing = write_text("LL", "rowmans", Style(jitter=0.0, spacing=100.0), rng)
    first, second = np.split(np.stack(drawing.strokes), 2)
    assert drawing.text == "LL" and first[0][0, 1] == -21.0 and first[0][-1, 1] == 0.0
    shift = second - first
    assert (shift == shift[0, 0]).all() and shift[0, 0, 0] > 10
    assert first[0][0, 0] == first[0][-1, 0]  # the stem is upright
    assert "a" in characters_of("cursive") and "é" not in characters_of("cursive")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  ", "the text must not be empty"),
        ("café", "must be of characters of the font scripts, got 'é'"),
    ],
)
def test_texts_that_a_font_cannot_write(text, message):
    with pytest.raises(BadInput, match=message):
        write_text(text, "scripts", Style(), np.random.default_rng(0))


def test_pictures_show_the_strokes_where_they_are():
    # A square without its right side, and a dot in the middle of that.
    strokes = [
        np.array([[10.0, 0], [0, 0], [0, 10], [10, 10]]),
        np.array([[10.0, 5]]),
    ]
    svg = to_svg(strokes, height=200)
    assert re.findall(r'd="(.*?)"', svg) == [
        "M180.00 20.00L20.00 20.00L20.00 180.00L180.00 180.00",
        "M180.00 100.00L180.00 100.00",
    ]
    assert 'width="200.00" height="200.00"' in svg
    png = np.asarray(Image.open(io.BytesIO(to_png(strokes, height=200))))
    assert png.shape == (200, 200)
    for x, y, is_dark in (
        (100, 20, True),
        (20, 100, True),
        (100, 180, True),
        (180, 100, True),
        (180, 60, False),
        (100, 100, False),
        (8, 8, False),
    ):
        assert (png[y, x] < 128) == is_dark, (x, y)
