"""Readers of strokes: what they read, what they refuse and where, and damaged files."""

import zlib

import numpy as np
import pytest

from experiments.data import lookup
from experiments.data.drawings import read_drawings
from experiments.data.iam_ondb import read_iam, read_iam_strokes
from experiments.data.inkml import read_inkml
from experiments.data.stroke_sets import (
    read_cursive_words,
    read_pendigits,
    read_sketches,
)
from experiments.data.strokes import to_offsets
from experiments.data.strokes_json import read_json_strokes, write_json_strokes
from experiments.harness import BadInput
from tests.data.mutations import mutations

JSON = """{"text": "it", "strokes": [[[0, 0], [1.5, 4]], [[1, -3]]]}
{"strokes": [[[2, 2], [3, 1e2]]], "writer": 7}
"""
INKML = """<?xml version="1.0"?>
<ink xmlns="http://www.w3.org/2003/InkML">
  <traceFormat><channel name="T"/><channel name="Y"/><channel name="X"/></traceFormat>
  <annotation type="writer">w</annotation>
  <annotation type="truth"> a &lt; b </annotation>
  <trace id="1">0 5 7, 1 -2 8.5,
2 0 9</trace>
  <traceGroup><annotation type="truth">no</annotation>
    <trace>3 1e1 2,</trace></traceGroup>
</ink>
"""
IAM = """<?xml version="1.0" encoding="ISO-8859-1"?>
<WhiteboardCaptureSession>
  <WhiteboardDescription><SensorLocation corner="top_left"/></WhiteboardDescription>
  <StrokeSet>
    <Stroke colour="black" start_time="1" end_time="2">
      <Point x="895" y="992" time="769.05"/>
      <Point x="896" y="-3" time="769.08"/>
    </Stroke>
    <Stroke colour="black"><Point x="1" y="2" time="770"/></Stroke>
  </StrokeSet>
</WhiteboardCaptureSession>
"""
ROOT = "WhiteboardCaptureSession"
ASCII = "OCR:\n\nprinted\n\nCSR:\n\nA MOVE to\nstop Mr .\n"


def lists(strokes):
    return [stroke.tolist() for stroke in strokes]


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_json_lines(tmp_path):
    path = put(tmp_path / "lines.jsonl", JSON)
    first, second = read_drawings(path)
    assert (first.text, first.group, second.text, second.group) == (
        "it",
        "it",
        None,
        "line 2",
    )
    assert lists(first.strokes) == [[[0, 0], [1.5, 4]], [[1, -3]]]
    assert lists(second.strokes) == [[[2, 2], [3, 100]]]
    again = read_json_strokes(put(path, write_json_strokes([first, second])))
    assert [(d.text, lists(d.strokes)) for d in again] == [
        (d.text, lists(d.strokes)) for d in (first, second)
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "must not be empty"),
        ("{", "must be JSON, but"),
        ("[" * 100_000, "must be JSON, but"),
        ("[]", r'must be \{"text"'),
        ('{"strokes": 3}', r'must be \{"text"'),
        ('{"text": 3, "strokes": [[[0, 0], [1, 1]]]}', "text must be a text, got 3"),
        (
            '{"text": " ", "strokes": [[[0, 0], [1, 1]]]}',
            "text must be a text, got ' '",
        ),
        ('{"strokes": []}', "must have a stroke, got none"),
        ('{"strokes": [[[0, 0]], []]}', "stroke 2 must have points, got none"),
        ('{"strokes": [[[0, 0]]]}', "must have two points, got one"),
        ('{"strokes": [[[0, 0], [1, NaN]]]}', "within ±1e9, got nan in stroke 1"),
        ('{"strokes": [[[0, 0], [1, 1e999]]]}', "within ±1e9, got inf in stroke 1"),
        ('{"strokes": [[[0, 0], [1, 1e10]]]}', "got 10000000000.0 in stroke 1"),
        ('{"strokes": [[[0, 0], [1, "2"]]]}', r"stroke 1 must be a list of points"),
        ('{"strokes": [[[0, 0], [1, true]]]}', r"stroke 1 must be a list of points"),
        ('{"strokes": [[[0, 0], [1, 2, 3]]]}', r"stroke 1 must be a list of points"),
        ('{"strokes": [7]}', r"stroke 1 must be a list of points"),
        ('{"strokes": [[[0, 0], [1, 1' + "0" * 400 + "]]]}", "stroke 1 must be a list"),
    ],
)
def test_bad_json_lines(tmp_path, line, message):
    path = put(tmp_path / "lines.jsonl", f"{JSON}{line}\n")
    with pytest.raises(BadInput, match=f"lines.jsonl, line 3: .*{message}"):
        read_json_strokes(path)


def test_a_text_that_is_needed_and_missing(tmp_path):
    path = put(tmp_path / "lines.jsonl", JSON)
    with pytest.raises(BadInput, match="line 2: the drawing must have its text"):
        read_drawings(path, needs_text=True)
    ink = put(tmp_path / "a.inkml", INKML.replace("truth", "other"))
    with pytest.raises(BadInput, match="a.inkml: the drawing must have its text"):
        read_drawings(ink, needs_text=True)


def test_inkml(tmp_path):
    put(tmp_path / "b" / "two.inkml", INKML.replace("truth", "writer"))
    path = put(tmp_path / "a.inkml", INKML)
    first, second = read_drawings(tmp_path)
    assert (first.text, first.group, second.text, second.group) == (
        "a < b",
        "a < b",
        None,
        "two.inkml",
    )
    assert lists(first.strokes) == [[[7, 5], [8.5, -2], [9, 0]], [[2, 10]]]
    plain = "<ink><trace>1 2, 3 4</trace></ink>"
    (drawing,) = read_drawings(put(path, plain))
    assert lists(drawing.strokes) == [[[1, 2], [3, 4]]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "</ink>",
            "",
            r"a.inkml, line 11: the file must be XML, but: no element found",
        ),
        ("ink", "inc", r"line 2: the outermost element must be ink, got inc"),
        ('name="X"', 'name="Z"', "must have one channel X and one Y"),
        ("0 5 7", "0 5", "line 6: point 1 of a trace must have 3 numbers, got '0 5'"),
        ("0 5 7", "0 5 '7", "line 6: point 1 of a trace must be plain numbers"),
        ("0 5 7", "0 inf 7", "line 2: coordinates must be finite .* got inf"),
        ("3 1e1 2,", "", "line 9: a trace must have points, got none"),
    ],
)
def test_bad_inkml(tmp_path, old, new, message):
    path = put(tmp_path / "a.inkml", INKML.replace(old, new))
    with pytest.raises(BadInput, match=message):
        read_inkml(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"strokes",
        b'<?xml version="1.0" encoding="none"?><ink/>',
        b'<?xml version="1.0" encoding="utf-7"?><ink/>',
        b"<ink>&unknown;</ink>",
        b'<!DOCTYPE ink [<!ENTITY a "xxxxxxxxxx">'
        + b"".join(
            b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 100) for i in range(9)
        )
        + b"]><ink>&j;</ink>",
    ],
)
def test_xml_that_is_none(tmp_path, content):
    path = tmp_path / "a.inkml"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="a.inkml, line 1: the file must be XML, but: "):
        read_inkml(path)


def put_iam(tmp_path, strokes=IAM, texts=ASCII, name="a01-000u-02"):
    put(tmp_path / "ascii" / "a01" / "a01-000" / "a01-000u.txt", texts)
    return put(tmp_path / "lineStrokes" / "a01" / "a01-000" / f"{name}.xml", strokes)


def test_iam(tmp_path):
    put_iam(tmp_path)
    (line,) = read_drawings(tmp_path)
    assert (line.text, line.group) == ("stop Mr .", "a01-000")
    assert lists(line.strokes) == [[[895, 992], [896, -3]], [[1, 2]]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "a01-000u-03"}, r"03.xml: line 3 has no text: .*000u.txt has 2"),
        ({"name": "a01-000z-01"}, r"01.xml: the line has no text: no file .*000z.txt"),
        ({"name": "a01"}, r"a01.xml: the name of a line must end with its number"),
        ({"texts": "OCR:\nprinted\n"}, "000u.txt: the file must have a line `CSR:`"),
        ({"texts": "CSR:\n\n"}, "line 1: the file must have texts after `CSR:`"),
        (
            {"strokes": IAM.replace('y="992"', 'y="top"')},
            "02.xml, line 6: a point must have numbers x and y",
        ),
        (
            {"strokes": IAM.replace('<Point x="1" y="2" time="770"/>', "")},
            "02.xml, line 9: a stroke must have points, got none",
        ),
        (
            {"strokes": IAM.replace("StrokeSet", "Set").replace("Stroke ", "Line ")},
            "02.xml, line 8: the file must be XML, but: mismatched tag",
        ),
        (
            {"strokes": f"<{ROOT}><Point/></{ROOT}>"},
            "02.xml, line 1: a point must be in a stroke",
        ),
        (
            {"strokes": f"<{ROOT}/>"},
            "02.xml, line 1: a drawing must have a stroke, got none",
        ),
    ],
)
def test_bad_iam(tmp_path, options, message):
    put_iam(tmp_path, **options)
    with pytest.raises(BadInput, match=message):
        read_iam(tmp_path)


def test_places_without_drawings(tmp_path):
    with pytest.raises(BadInput, match="nowhere: there is no such file"):
        read_drawings(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="must hold .inkml files, or lineStrokes"):
        read_drawings(tmp_path)
    (tmp_path / "lineStrokes").mkdir()
    with pytest.raises(BadInput, match="must hold lines in lineStrokes, got none"):
        read_drawings(tmp_path)


def check_mutations(tmp_path, number):
    rng = np.random.default_rng(0)
    path = tmp_path / "mutated"
    readers = (JSON, read_json_strokes), (INKML, read_inkml), (IAM, read_iam_strokes)
    for content, read in readers:
        for mutated in mutations(content.encode(), rng, number // 3):
            path.write_bytes(mutated)
            try:
                read(path)
            except BadInput as error:
                assert str(error).startswith(str(path))


def test_damaged_files(tmp_path):
    check_mutations(tmp_path, 600)


@pytest.mark.slow
def test_many_damaged_files(tmp_path):
    check_mutations(tmp_path, 30_000)


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """Lets a data set be one file of the given arrays."""

    def pack(**arrays):
        path = tmp_path / "set.npz"
        np.savez(path, **arrays)
        names = ("cursive_words.npz", "pendigits_strokes.npz", "omniglot.npz")
        found = dict.fromkeys(names, path)
        monkeypatch.setattr(
            lookup,
            "find",
            lambda name, _: {n: p for n, p in found.items() if name in n},
        )

    return pack


def test_cursive_words(packed):
    texts = ["".join(text) for text in zip("abcdefghijklmnopqrstuvwxyz", "z" * 26)]
    # A stroke of three points and a dot, each with its last point twice.
    word = [
        [100, 4529, 1],
        [108, 4579, 1],
        [117, 4579, 1],
        [117, 4579, 0],
        [92, 4429, 1],
        [92, 4429, 0],
    ]
    packed(
        points=np.array(word * 26, np.int16),
        lengths=np.full(26, 6, np.int32),
        texts=np.array(texts),
    )
    parts = read_cursive_words()
    remainders = {0: parts.test, 1: parts.validation}
    for text in texts:
        part = remainders.get(zlib.crc32(text.encode()) % 10, parts.train)
        assert text in [drawing.text for drawing in part]
    assert sum(map(len, parts[:3])) == 26 and parts.validation and parts.test
    offsets = to_offsets(parts.train[0].strokes).tolist()
    assert offsets == [[0, 0, 0], [1, 1, 0], [1, 0, 1], [-3, -3, 1]]


def test_pendigits_hold_writers_out(packed):
    points = np.array([[5, 9, 0], [6, 4, 1], [7, 7, 1]], np.int16)
    arrays = {}
    for part, writers in {"train": [11, 12, 13, 14], "test": [11]}.items():
        number = len(writers)
        arrays[f"{part}_points"] = np.tile(points, (number, 1))
        arrays[f"{part}_lengths"] = np.full(number, 3, np.int16)
        arrays[f"{part}_labels"] = np.arange(number).astype(np.uint8)
        arrays[f"{part}_comment"] = np.array([[8, writer, 1] for writer in writers])
    packed(**arrays)
    parts = read_pendigits()
    groups = [[drawing.group for drawing in part] for part in parts[:3]]
    assert groups == [["train 11"], ["train 12", "train 13", "train 14"], ["test 11"]]
    (digit,) = parts.train
    assert digit.text == "0" and lists(digit.strokes) == [[[5, -9], [6, -4]], [[7, -7]]]


def test_sketches(packed):
    data = np.array([[3, 4, 0], [1, -2, 1], [2, 2, 1], [9, 9, 1]], np.int16)
    arrays = {}
    for part in ("train", "valid", "test"):
        arrays |= {f"{part}_data": data, f"{part}_lengths": np.array([3, 1])}
    packed(**arrays)
    parts = read_sketches("omniglot")
    for part in parts[:3]:
        (drawing,) = part  # a drawing of one point is none
        assert lists(drawing.strokes) == [[[3, 4], [4, 2]], [[6, 4]]]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"points": np.zeros((4, 3))},
            "must be .npz with arrays points, lengths, texts",
        ),
        (
            {"points": np.zeros((4, 3)), "lengths": np.array([3]), "texts": ["a"]},
            "the lengths must sum to the 4 points, got 3",
        ),
        (
            {"points": np.zeros((4, 2)), "lengths": np.array([4]), "texts": ["a"]},
            r"must be \[num_points, 3\], in sequences",
        ),
    ],
)
def test_arrays_that_are_no_strokes(packed, arrays, message):
    packed(**arrays)
    with pytest.raises(BadInput, match=message):
        read_cursive_words()
