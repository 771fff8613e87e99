"""The images and captions of every data set, in parts, and as symbols."""

import dataclasses
import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments.captioning.made import SEEN, UNSEEN, MadeImages, draw_shapes
from experiments.data import lookup, splits
from experiments.data.captions import Captioned, read_captions, read_names, words_of
from experiments.data.pictures import decode_picture, is_picture, read_picture
from experiments.data.registry import dataset as registered
from experiments.data.vocabulary import UNKNOWN, Vocabulary
from experiments.harness import BadInput, TrainingConfig, check_needs, flag

START, END = "<s>", "</s>"
NUM_MADE = {"train": 12000, "validation": 200, "test": 500, "unseen": 300}
CAPTIONS_NAME = "captions.txt"


@dataclasses.dataclass(frozen=True)
class ImageFlags(TrainingConfig):
    """The flags that say what is described."""

    dataset: Literal["shapes", "flickr8k"] = flag(
        "shapes", "data set: drawn shapes, which are made, or photographs"
    )
    data_path: Path | None = flag(
        None, "folder of your own with PNG or JPEG files, each with a caption or more"
    )
    captions_path: Path | None = flag(
        None,
        "file of the captions: the name of a file in data_path, a tab and a caption "
        f"per line; none: {CAPTIONS_NAME} in data_path",
    )
    validation_captions_path: Path | None = flag(
        None, "captions of images to validate on; none: a tenth of the images"
    )
    test_captions_path: Path | None = flag(
        None, "captions of images to test on; none with a file to validate on: no test"
    )
    encoding: str = flag("utf-8", "encoding of the captions")
    image_size: int | None = flag(
        None,
        "height and width to which images are scaled; none: 32 of shapes, else 64",
        minimum=20,
    )
    control: Literal["none", "no_image", "shuffled"] = flag(
        "none",
        "what to compare with: captions without an image, or with that of another",
    )

    def __post_init__(self):
        """Checks that the files come together."""
        super().__post_init__()
        needs = {
            "captions_path": "data_path",
            "validation_captions_path": "data_path",
            "test_captions_path": "validation_captions_path",
        }
        check_needs(self, needs)

    @property
    def is_made(self) -> bool:
        """Whether the images are drawn."""
        return self.data_path is None and self.dataset == "shapes"

    @property
    def side(self) -> int:
        """Height and width of the images, pixels."""
        return self.image_size or (32 if self.is_made else 64)


class Examples(NamedTuple):
    """Images with their captions.

    Attributes:
      images: `[N, side, side, 3]` uint8.
      captions: of each, one or more, words separated by blanks.
      names: of each, for reports.
    """

    images: np.ndarray
    captions: list[tuple[str, ...]]
    names: list[str]


class Parts(NamedTuple):
    """Images for training, validation and test.

    Attributes:
      train, validation, test: the examples; `test` may be empty.
      unseen: made images of combinations that are never trained; else empty.
      digests: SHA-256 of every file of captions, by name, and of the images.
    """

    train: Examples
    validation: Examples
    test: Examples
    unseen: Examples
    digests: dict[str, str]


def load_images(flags: ImageFlags) -> Parts:
    """Loads the images and captions.

    Those of the user's are split 80/10/10 by a checksum of their names, unless there
    are files of captions to validate on.

    Raises:
      BadInput: if a file cannot be read, an image has no caption or a caption no image,
        one is in two parts, or a part would be empty.
      MissingData: if the data set is not on this machine.
    """
    if flags.data_path is not None:
        parts = _read_own(flags, flags.data_path)
    elif flags.dataset == "flickr8k":
        parts = _read_flickr8k(flags)
    else:
        parts = _draw(flags)
    if flags.control != "shuffled":
        return parts
    shuffled = [
        _shuffle(part, np.random.default_rng((flags.seed, i)))
        for i, part in enumerate(parts[:4])
    ]
    train, validation, test, unseen = shuffled
    return Parts(train, validation, test, unseen, parts.digests)


def _shuffle(examples: Examples, rng: np.random.Generator) -> Examples:
    """Gives every caption the image of another example."""
    order = rng.permutation(len(examples.images))
    images = np.empty_like(examples.images)
    images[order] = examples.images[np.roll(order, 1)]
    return examples._replace(images=images)


def _draw(flags: ImageFlags) -> Parts:
    made = {}
    for i, (name, number) in enumerate(NUM_MADE.items()):
        combinations = UNSEEN if name == "unseen" else SEEN
        rng = np.random.default_rng(i)  # the same for every seed of a run
        drawn = draw_shapes(combinations, number, flags.side, rng)
        made[name] = _of_made(drawn, name)
    return Parts(**made, digests={})


def _of_made(made: MadeImages, part: str) -> Examples:
    names = [f"{part} {i}" for i in range(len(made.captions))]
    return Examples(made.images, [(caption,) for caption in made.captions], names)


def _read_flickr8k(flags: ImageFlags) -> Parts:
    paths = lookup.find("flickr8k", flags.data_dir)
    by_name = {
        own.name: own.captions for own in read_captions(paths["Flickr8k.token.txt"])
    }
    content = lookup.read_bytes(paths["images_64px_jpeg.zip"])
    parts = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for part in ("train", "dev", "test"):
            names = read_names(paths[f"Flickr_8k.{part}Images.txt"])
            images = [
                decode_picture(archive.read(name), flags.side, name) for name in names
            ]
            captions = [by_name[name] for name in names]
            parts.append(_examples(images, captions, names))
    train, validation, test = parts
    nothing = _examples([], [], [])
    return Parts(train, validation, test, nothing, registered("flickr8k").digests)


def _examples(images, captions, names) -> Examples:
    texts = [tuple(" ".join(words_of(text)) for text in own) for own in captions]
    return Examples(np.array(images, np.uint8), texts, names)


def _read_own(flags: ImageFlags, directory: Path) -> Parts:
    if not directory.is_dir():
        raise BadInput("images must be in a folder.", directory)
    given = {
        "train": flags.captions_path or directory / CAPTIONS_NAME,
        "validation": flags.validation_captions_path,
        "test": flags.test_captions_path,
    }
    read = {
        part: read_captions(path, flags.encoding)
        for part, path in given.items()
        if path is not None
    }
    _check_names(directory, {given[part]: own for part, own in read.items()})
    if len(read) == 1:
        groups: dict[splits.Part, list] = {"train": [], "validation": [], "test": []}
        for own in read["train"]:
            groups[splits.part_of_line(own.name)].append(own)
        for part, found in groups.items():
            if not found:
                raise BadInput(
                    f"there are too few images: none is for {part}.", given["train"]
                )
        read = dict(groups)
    paths = [path for path in given.values() if path is not None]
    digests = {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}
    parts = {}
    for part in ("train", "validation", "test"):
        own = read.get(part, [])
        images = [read_picture(directory / x.name, flags.side) for x in own]
        parts[part] = _examples(
            images, [x.captions for x in own], [x.name for x in own]
        )
    digest = hashlib.sha256()
    for examples in parts.values():
        digest.update(examples.images.tobytes())
    digests[str(directory)] = digest.hexdigest()
    return Parts(**parts, unseen=_examples([], [], []), digests=digests)


def _check_names(directory: Path, read: dict[Path, list[Captioned]]) -> None:
    """Checks that captions and images belong together, one to one."""
    seen: dict[str, Path] = {}
    for path, found in read.items():
        for own in found:
            if not (directory / own.name).is_file():
                raise BadInput(
                    f"the file must be in {directory}, got {own.name!r}, which is not.",
                    path,
                    own.line,
                )
            if own.name in seen:
                raise BadInput(
                    f"an image must be in one part only, got {own.name!r}, which is "
                    f"in {seen[own.name]} too.",
                    path,
                    own.line,
                )
            seen[own.name] = path
    for path in sorted(directory.rglob("*")):
        if is_picture(path.name) and not path.name.startswith("."):
            if path.relative_to(directory).as_posix() not in seen:
                raise BadInput("the image must have a caption, got none.", path)


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What a run must know to describe other images.

    Attributes:
      words: the vocabulary; its first symbols are those for what is unknown, for the
        start and for the end.
      side: height and width of the images, pixels.
      longest: words of the longest caption that is written.
    """

    words: Vocabulary
    side: int
    longest: int


def make_symbols(train: Examples, side: int, min_count: int) -> Symbols:
    """Numbers the words that occur at least `min_count` times in training.

    A caption is written up to as long as the longest one of training.
    """
    texts = [text.split() for own in train.captions for text in own]
    special = UNKNOWN, START, END
    known = Vocabulary.of_words((w for text in texts for w in text), min_count).symbols
    symbols = (*special, *(word for word in known if word not in special))
    words = Vocabulary(symbols, " ", UNKNOWN)
    return Symbols(words, side, max(map(len, texts)) + 1)


def encode(captions: Sequence[str], symbols: Symbols) -> list[np.ndarray]:
    """Turns captions into tokens, each with its end."""
    return [symbols.words.encode((*text.split(), END)) for text in captions]


def decode(tokens: np.ndarray, symbols: Symbols) -> str:
    """Turns tokens, up to the end of the caption, into text."""
    names = [symbols.words.symbols[token] for token in tokens]
    end = names.index(END) if END in names else len(names)
    return " ".join(names[:end])
