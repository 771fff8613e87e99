"""The clips of every data set, in parts, and as batches."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments.data import frames as readers
from experiments.data import lookup, splits
from experiments.data.frames import Clip
from experiments.data.images import dot_digits, read_mnist
from experiments.data.registry import dataset as registered
from experiments.harness import BadInput, TrainingConfig, check_needs, flag
from experiments.shared import buckets as bucketing
from experiments.shared.buckets import Rows, pad, pick
from experiments.video.digits import LABELS, Digits, labelled_digits, moving_digits

MADE_SEEDS = {"validation": 1, "test": 2}
NUM_MADE = {"train": 1000, "validation": 128, "test": 500}
NUM_TRAINING_DIGITS = 50_000  # of MNIST; the other 10,000 are for validation


@dataclasses.dataclass(frozen=True)
class ClipFlags(TrainingConfig):
    """The flags that say which clips there are, and what is asked of them."""

    task: Literal["forecast", "classify"] = flag(
        "forecast", "what is predicted: the next frames, or a label per clip"
    )
    dataset: Literal["made", "mnist"] = flag(
        "made", "moving digits: those of a dot-matrix display, or handwritten"
    )
    num_digits: int = flag(1, "digits of a made clip to forecast", minimum=1)
    data_path: Path | None = flag(
        None,
        "folder of your own: a folder of PNG frames per clip, to classify within a "
        "folder per class",
    )
    validation_path: Path | None = flag(
        None, "folder to validate on; none: a tenth of data_path's clips"
    )
    test_path: Path | None = flag(
        None, "folder to test on; needs validation_path; none: no test then"
    )
    window: int = flag(10, "frames that are read before a forecast", minimum=2)
    horizon: int = flag(10, "frames that are forecast", minimum=1)

    def __post_init__(self):
        """Checks that the folders come together."""
        super().__post_init__()
        needs = {"validation_path": "data_path", "test_path": "validation_path"}
        check_needs(self, needs)


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What a run must know of its clips.

    Attributes:
      height, width: of the frames, pixels.
      brightness: mean of the training frames, from 0 to 1, as if two more pixels, a
        black and a white one, were in them.
      labels: the labels in the order of their numbers; empty for forecasts.
    """

    height: int
    width: int
    brightness: float
    labels: tuple[str, ...]


class Examples(NamedTuple):
    """Clips to classify, or windows of clips to forecast.

    Attributes:
      frames: `[num_frames, height, width]` uint8 of each.
      labels: `[num_examples]` int32; zeros for forecasts.
      names: of each, for reports.
    """

    frames: Sequence[np.ndarray]
    labels: np.ndarray
    names: Sequence[str]


class Batch(NamedTuple):
    """Clips of similar length.

    Attributes:
      frames: `[B, T, height, width]` uint8.
      labels: `[B]` int32.
      mask: `[B, T]` bool, true at real frames.
    """

    frames: np.ndarray
    labels: np.ndarray
    mask: np.ndarray


class Clips(NamedTuple):
    """Clips for training, validation and test.

    Attributes:
      train: the examples; a sample of them where they are made anew for each update.
      validation, test: the examples; `test` may be empty.
      draw: `draw(rng, num_examples)`, new examples; None where `train` holds all.
      symbols: what is known of all of them.
      digests: SHA-256 of what was read, by name.
    """

    train: Examples
    validation: Examples
    test: Examples
    draw: Callable[[np.random.Generator, int], Examples] | None
    symbols: Symbols
    digests: dict[str, str]


def load_clips(flags: ClipFlags) -> Clips:
    """Loads the clips.

    Those of a folder of the user's are split 80/10/10 by a checksum of their names.

    Raises:
      BadInput: if a clip cannot be read, is too short for a forecast, differs in size
        or has a label that training clips have not, or a part would be empty.
      MissingData: if the data set is not on this machine.
    """
    if flags.data_path is not None:
        return _read_own(flags, flags.data_path)
    digits, digests = _load_digits(flags)
    draws = {name: _drawing(flags, digits[name]) for name in digits}
    made = {
        part: draws[part](np.random.default_rng(seed), NUM_MADE[part])
        for part, seed in MADE_SEEDS.items()
    }
    draw = draws["train"]
    sample = draw(np.random.default_rng(0), NUM_MADE["train"])
    symbols = _symbols(sample.frames, LABELS if flags.task == "classify" else ())
    return Clips(sample, made["validation"], made["test"], draw, symbols, digests)


def _load_digits(flags: ClipFlags) -> tuple[dict[str, Digits], dict[str, str]]:
    """Returns the digits of each part, about a third of a frame wide."""
    if flags.dataset == "made":
        digits = Digits(dot_digits().repeat(2, axis=1).repeat(2, axis=2), np.arange(10))
        return dict.fromkeys(("train", "validation", "test"), digits), {}
    paths = lookup.find("mnist", flags.data_dir)
    images, labels = read_mnist(paths, "train")
    cut = NUM_TRAINING_DIGITS
    parts = {
        "train": (images[:cut], labels[:cut]),
        "validation": (images[cut:], labels[cut:]),
        "test": read_mnist(paths, "t10k"),
    }
    digits = {name: Digits(_halve(part[0]), part[1]) for name, part in parts.items()}
    return digits, registered("mnist").digests


def _halve(images: np.ndarray) -> np.ndarray:
    """Averages 2 by 2 pixels, and turns on what is at least half bright."""
    count, height, width = images.shape
    blocks = images.reshape(count, height // 2, 2, width // 2, 2)
    return blocks.mean(axis=(2, 4), dtype=np.float32) >= 127.5


def _drawing(flags: ClipFlags, digits: Digits):
    def draw(rng: np.random.Generator, num_examples: int) -> Examples:
        names = [f"clip {i}" for i in range(num_examples)]
        if flags.task == "classify":
            moving = labelled_digits(digits, num_examples, flags.window, rng)
            return Examples(list(moving.frames), moving.labels, names)
        num_frames = flags.window + flags.horizon
        frames = moving_digits(digits, num_examples, num_frames, flags.num_digits, rng)
        return Examples(list(frames), np.zeros(num_examples, np.int32), names)

    return draw


def _read_own(flags: ClipFlags, path: Path) -> Clips:
    labelled = flags.task == "classify"
    paths = [path, flags.validation_path, flags.test_path]
    found = [readers.read_clips(p, labelled=labelled) if p else [] for p in paths]
    digests = {str(p): _digest(clips) for p, clips in zip(paths, found) if p}
    shape = found[0][0].frames.shape
    for own, clips in zip(paths, found):
        for clip in clips:
            readers.check_size(clip.frames, shape, (own or path) / clip.name)
    if flags.validation_path is None:
        parts: dict[splits.Part, list[Clip]] = {
            "train": [],
            "validation": [],
            "test": [],
        }
        for clip in found[0]:
            parts[splits.part_of_line(clip.name)].append(clip)
        for name, part in parts.items():
            if not part:
                raise BadInput(f"there are too few clips: none is for {name}.", path)
        paths, found = [path] * 3, list(parts.values())
    labels = tuple(sorted({clip.label for clip in found[0] if clip.label is not None}))
    for own, clips in zip(paths, found):
        for clip in clips:
            _check_clip(flags, clip, labels, (own or path) / clip.name)
    symbols = _symbols([clip.frames for clip in found[0]], labels)
    train, validation, test = (_as_examples(flags, clips, labels) for clips in found)
    return Clips(train, validation, test, None, symbols, digests)


def _symbols(frames: Sequence[np.ndarray], labels: tuple[str, ...]) -> Symbols:
    white = sum(int(own.sum(dtype=np.int64)) for own in frames) / 255
    brightness = (white + 1) / (sum(own.size for own in frames) + 2)
    _, height, width = frames[0].shape
    return Symbols(height, width, brightness, labels)


def _digest(clips: Sequence[Clip]) -> str:
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(f"{clip.name} {clip.frames.shape}\n".encode())
        digest.update(clip.frames.tobytes())
    return digest.hexdigest()


def _check_clip(flags: ClipFlags, clip: Clip, labels, path: Path) -> None:
    if flags.task == "classify":
        if clip.label not in labels:
            raise BadInput(
                f"the label must be one that a training clip has, got {clip.label!r}.",
                path,
            )
    elif len(clip.frames) < flags.window + flags.horizon:
        raise BadInput(
            f"the clip must have at least {flags.window + flags.horizon} frames, "
            f"window and horizon together, got {len(clip.frames)}.",
            path,
        )


def _as_examples(flags: ClipFlags, clips: Sequence[Clip], labels) -> Examples:
    """Takes whole clips, or windows that reach over all frames of each."""
    frames, numbers, names = [], [], []
    for clip in clips:
        if flags.task == "classify":
            frames.append(clip.frames)
            numbers.append(labels.index(clip.label))
            names.append(clip.name)
            continue
        length = flags.window + flags.horizon
        last = len(clip.frames) - length
        for start in sorted({*range(0, last, flags.horizon), last}):
            frames.append(clip.frames[start : start + length])
            numbers.append(0)
            names.append(f"{clip.name} from frame {start}")
    return Examples(frames, np.array(numbers, np.int32), names)


def as_batch(examples: Examples, rows: Rows) -> Batch:
    """Stacks the examples of a batch."""
    lengths = np.array([len(frames) for frames in examples.frames])
    mask = np.arange(rows.num_steps) < pick(lengths, rows)[:, None]
    return Batch(pad(examples.frames, rows), pick(examples.labels, rows), mask)


def make_buckets(examples: Examples, batch_size: int) -> bucketing.Buckets:
    """Sorts examples by their numbers of frames."""
    return bucketing.make_buckets([len(x) for x in examples.frames], batch_size)


def training_batches(
    clips: Clips, batch_size: int, seed: int
) -> tuple[Callable[[int], Batch], int]:
    """Makes the batches of training.

    Returns:
      `batch(i)`, a function of `seed` and i alone, and the updates per epoch; 1 where
      examples are made anew for each update.
    """
    if clips.draw is None:
        buckets = make_buckets(clips.train, batch_size)
        rows = bucketing.shuffled_batches(buckets, seed)
        epoch_length = bucketing.batches_per_epoch(buckets)
        return lambda i: as_batch(clips.train, rows(i)), epoch_length
    draw = clips.draw

    def batch(i: int) -> Batch:
        made = draw(np.random.default_rng((seed, 0, i)), batch_size)
        return as_batch(made, Rows(np.arange(batch_size), len(made.frames[0])))

    return batch, 1
