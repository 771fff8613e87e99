"""Made images, folders of one's own, parts, controls and batches."""

import collections
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from experiments.captioning import loading, made
from experiments.captioning.batches import Batcher
from experiments.captioning.loading import (
    Examples,
    ImageFlags,
    decode,
    load_images,
    make_symbols,
)
from experiments.captioning.made import COLORS, COMBINATIONS, SEEN, UNSEEN, draw_shapes
from experiments.data.splits import part_of_line
from experiments.harness import BadInput

SIDE = 20


def write_images(folder, names):
    """Writes images each of one color of its own."""
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((3, 5, 3), 7 * i, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    names = [f"{i}.png" for i in range(20)] + ["more/a.png"]
    write_images(tmp_path, names)
    lines = [f"{name}\tA dog, number {i}" for i, name in enumerate(names)]
    lines += [f"{name}\tdog {i}!" for i, name in enumerate(names[:4])]
    (tmp_path / "captions.txt").write_text("\n".join(lines))
    return tmp_path


def test_every_word_of_what_is_never_trained_is_trained():
    assert len(COMBINATIONS) == 18 and len(UNSEEN) == 3 and len(SEEN) == 15
    assert {w for own in UNSEEN for w in own} <= {w for own in SEEN for w in own}


def test_a_drawn_shape_is_of_the_size_and_form_that_its_caption_says(monkeypatch):
    monkeypatch.setattr(made, "SHADE", 0)
    monkeypatch.setattr(made, "TINT", 0)
    shapes = draw_shapes(COMBINATIONS, 300, 32, np.random.default_rng(0))
    assert set(shapes.captions) == {f"a {s} {c} {k}" for s, c, k in COMBINATIONS}
    areas, centers = collections.defaultdict(list), []
    for image, caption in zip(shapes.images, shapes.captions):
        _, size, color, shape = caption.split()
        inside = np.abs(image - np.array(COLORS[color])).max(axis=-1) < 45
        areas[size, shape].append(inside.sum())
        centers.append(np.argwhere(inside).mean(axis=0))
    shares = {"circle": np.pi / 4, "square": 0.85**2, "triangle": 0.5}
    low, high = made.STRETCH
    factor = (high**3 - low**3) / (3 * (high - low))  # mean of the squared stretch
    for (size, shape), found in areas.items():
        width = {"small": 14, "large": 24}[size]
        expected = width**2 * shares[shape] * factor
        assert np.mean(found) == pytest.approx(expected, rel=0.1)
        spread = (high / low) ** 2
        assert 1.2 < max(found) / min(found) < 1.3 * spread
    assert (np.std(centers, axis=0) > 2).all()  # places vary along both axes


def test_shades_are_nearest_to_the_color_that_the_caption_says(monkeypatch):
    monkeypatch.setattr(made, "NOISE", 0)
    small = [own for own in COMBINATIONS if own[0] == "small"]
    shapes = draw_shapes(small, 200, 32, np.random.default_rng(1))
    shades, grounds = collections.defaultdict(list), []
    for image, caption in zip(shapes.images, shapes.captions):
        found, numbers = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
        own, ground = found[np.argsort(numbers)]  # two colors, most of it is ground
        off = {name: np.linalg.norm(own - np.array(x)) for name, x in COLORS.items()}
        color = caption.split()[2]
        assert min(off, key=lambda name: off[name]) == color
        shades[color].append(own)
        grounds.append(ground)
    for found in (*shades.values(), grounds):
        assert (np.std(found, axis=0) > 15).all()  # none is always the same


def test_unseen_combinations_are_in_no_other_part(monkeypatch):
    monkeypatch.setattr(
        loading, "NUM_MADE", {"train": 90, "validation": 40, "test": 41, "unseen": 30}
    )
    parts = load_images(ImageFlags(image_size=SIDE))
    captions = [{own for (own,) in part.captions} for part in parts[:4]]
    assert captions[3] == {f"a {s} {c} {k}" for s, c, k in UNSEEN}
    assert not captions[3] & set.union(*captions[:3])
    assert len(parts.test.images) == 41 and parts.test.images.shape[1:] == (20, 20, 3)
    shuffled = load_images(ImageFlags(image_size=SIDE, control="shuffled"))
    for before, after in zip(parts[:4], shuffled[:4]):
        assert before.captions == after.captions
        same = (before.images == after.images).all(axis=(1, 2, 3))
        assert not same.any()
        keys = [sorted(x.tobytes() for x in own.images) for own in (before, after)]
        assert keys[0] == keys[1]


def test_a_folder_is_split_by_the_names_of_its_images(folder):
    parts = load_images(ImageFlags(data_path=folder, image_size=SIDE))
    for part, examples in zip(("train", "validation", "test"), parts[:3]):
        assert examples.names and len(examples.names) == len(examples.images)
        for name, image, captions in zip(
            examples.names, examples.images, examples.captions
        ):
            assert part_of_line(name) == part
            number = 20 if name == "more/a.png" else int(name.removesuffix(".png"))
            assert (image == 7 * number).all() and image.shape == (SIDE, SIDE, 3)
            right = (f"a dog number {number}", f"dog {number}")
            assert captions == (right if number < 4 else right[:1])
    assert str(folder / "captions.txt") in parts.digests
    assert str(folder) in parts.digests


def test_a_split_of_ones_own(folder):
    text = (folder / "captions.txt").read_text().splitlines()[:21]
    for name, lines in {"a": text[:15], "b": text[15:17], "c": text[17:]}.items():
        (folder / name).write_text("\n".join(lines))
    flags = {"data_path": folder, "captions_path": folder / "a", "image_size": SIDE}
    flags["validation_captions_path"] = folder / "b"
    with pytest.raises(BadInput, match="17.png: the image must have a caption, got no"):
        load_images(ImageFlags(**flags))
    parts = load_images(ImageFlags(**flags, test_captions_path=folder / "c"))
    assert [len(part.names) for part in parts[:3]] == [15, 2, 4]
    (folder / "c").write_text("\n".join(text[16:]))
    with pytest.raises(BadInput, match="c, line 1: an image must be in one part only"):
        load_images(ImageFlags(**flags, test_captions_path=folder / "c"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "x.jpg").write_bytes(b"x"), "x.jpg: the image must have a cap"),
        (lambda f: (f / "3.png").unlink(), r"line 4: the file must be in .*'3.png'"),
        (lambda f: (f / "3.png").write_bytes(b"x"), "3.png: a picture must be a PNG"),
        (
            lambda f: (f / "captions.txt").write_text(""),
            "captions.txt: the file must hold a text",
        ),
        (
            lambda f: (
                [(f / f"{i}.png").unlink() for i in range(20)]
                and (f / "captions.txt").write_text("more/a.png\tdog")
            ),
            "there are too few images: none is for",
        ),
    ],
    ids=["no caption", "no image", "no picture", "empty", "too few"],
)
def test_folders_that_are_refused(folder, change, message):
    change(folder)
    with pytest.raises(BadInput, match=message):
        load_images(ImageFlags(data_path=folder, image_size=SIDE))


def test_flickr8k_is_read_in_its_own_parts(tmp_path, monkeypatch):
    names = ["a.jpg", "b.jpg", "c.jpg"]
    (tmp_path / "Flickr8k.token.txt").write_text(
        "".join(f"{n}#{i}\tA dog {n[0]} {i} .\n" for n in names for i in range(5))
    )
    for part, name in zip(("train", "dev", "test"), names):
        (tmp_path / f"Flickr_8k.{part}Images.txt").write_text(f"{name}\n")
    with zipfile.ZipFile(tmp_path / "images_64px_jpeg.zip", "w") as archive:
        for i, name in enumerate(names):
            content = io.BytesIO()
            grey = np.full((64, 64, 3), 50 * i, np.uint8)
            Image.fromarray(grey).save(content, "JPEG")
            archive.writestr(name, content.getvalue())
    paths = {path.name: path for path in tmp_path.iterdir()}
    monkeypatch.setattr(loading.lookup, "find", lambda name, data_dir: paths)
    parts = load_images(ImageFlags(dataset="flickr8k"))
    for i, (examples, name) in enumerate(zip(parts[:3], names)):
        assert examples.names == [name]
        assert examples.captions == [tuple(f"a dog {name[0]} {k}" for k in range(5))]
        np.testing.assert_allclose(examples.images, 50 * i, atol=2)
    assert "images_64px_jpeg.zip" in parts.digests


def test_batches_hold_every_caption_once_beside_its_image():
    texts = [
        tuple(f"w{i} " + "x " * (k + i) for k in range(n))
        for i, n in enumerate((1, 3, 7))
    ]
    texts = [tuple(text.strip() for text in own) for own in texts]
    images = np.arange(3, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 2, 2, 3))
    examples = Examples(images.astype(np.uint8), texts, ["a", "b", "c"])
    symbols = make_symbols(examples, 2, min_count=1)
    assert symbols.longest == max(len(t.split()) for own in texts for t in own) + 1
    batcher = Batcher(examples, symbols, batch_size=2, num_captions=3, max_shapes=2)
    found = []
    for batch in batcher.in_order():
        assert len(batch.inputs) == 3 * len(batch.images)
        for row, (inputs, targets, mask) in enumerate(zip(*batch[1:])):
            if not mask.any():
                continue
            length = mask.sum()
            assert mask[:length].all() and inputs[0] == 1
            np.testing.assert_array_equal(inputs[1:length], targets[: length - 1])
            assert targets[length - 1] == 2  # the end
            text = decode(targets, symbols)
            assert text.startswith(f"w{batch.images[row // 3].max()}")
            found.append(text)
    assert sorted(found) == sorted(text for own in texts for text in own)


def test_rare_words_are_unknown():
    examples = Examples(
        np.zeros((1, 2, 2, 3), np.uint8), [("a b", "b c", "b a")], ["x"]
    )
    symbols = make_symbols(examples, 2, min_count=2)
    assert symbols.words.symbols == ("<unk>", "<s>", "</s>", "b", "a")
    assert loading.encode(["b c"], symbols)[0].tolist() == [3, 0, 2]
