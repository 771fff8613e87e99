"""Clips as folders of PNG frames."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.data.image_files import opened_image, read_limited
from experiments.harness.errors import BadInput

MOST_BYTES = 4 << 20  # of a file
MOST_PIXELS = 1 << 16  # of a frame, 256 by 256
MOST_FRAMES = 10_000  # of a clip


class Clip(NamedTuple):
    """A clip.

    Attributes:
      name: path of its folder below the one that was read.
      frames: `[num_frames, height, width]` uint8, black is 0.
      label: its class; None if it has none.
    """

    name: str
    frames: np.ndarray
    label: str | None = None


def read_frame(path: Path) -> np.ndarray:
    """Reads a PNG file as grey values.

    Colours become grey by ITU-R 601, transparency has no effect, and of 16 bits the
    upper 8 are kept. What the header says is checked before anything is decompressed:
    a frame has at most 65,536 pixels, its file at most 4 MiB.

    Args:
      path: the file.

    Returns:
      `[height, width]` uint8.

    Raises:
      BadInput: if the file is not a whole PNG image, holds several, or is too large.
    """
    content = read_limited(path, "frame", MOST_BYTES)
    limits = {"formats": ["PNG"], "most_pixels": MOST_PIXELS}
    with opened_image(content, path, "frame", **limits) as image:
        if image.mode.startswith("I"):
            return (np.asarray(image) >> 8).astype(np.uint8)
        return np.array(image.convert("L"))


def read_clip(directory: Path) -> np.ndarray:
    """Reads the frames of a clip, in the order of their names.

    Numbers in names are compared as numbers, so frame 10 follows frame 9. Files that do
    not end in `.png` are not read.

    Args:
      directory: the folder of the frames.

    Returns:
      `[num_frames, height, width]` uint8.

    Raises:
      BadInput: if there is no frame, one cannot be read, or two differ in size.
    """
    if not directory.is_dir():
        raise BadInput("a clip must be a folder of PNG files.", directory)
    paths = sorted(
        (path for path in directory.iterdir() if _is_frame(path)), key=_order
    )
    if not 0 < len(paths) <= MOST_FRAMES:
        raise BadInput(
            f"a clip must hold 1 to {MOST_FRAMES:,} frames ending in .png, "
            f"got {len(paths):,}.",
            directory,
        )
    frames = [read_frame(path) for path in paths]
    for path, frame in zip(paths, frames):
        check_size(frame, frames[0].shape, path)
    return np.stack(frames)


def check_size(frame: np.ndarray, shape: tuple[int, ...], path: Path) -> None:
    """Checks that a frame has the height and width of the others.

    Raises:
      BadInput: if it has not; `path` is the frame's file or clip.
    """
    if frame.shape[-2:] != shape[-2:]:
        (height, width), (own_height, own_width) = shape[-2:], frame.shape[-2:]
        raise BadInput(
            f"frames must be {width} x {height} pixels, as the first one, "
            f"got {own_width} x {own_height}.",
            path,
        )


def read_clips(directory: Path, *, labelled: bool) -> list[Clip]:
    """Reads all clips below a folder, ordered by name.

    Args:
      directory: the folder: with labels it holds a folder per class, which holds a
        folder per clip; without, every folder without folders is a clip.
      labelled: whether clips have labels.

    Returns:
      The clips; all frames have one size.

    Raises:
      BadInput: if there is no clip, a class or a clip is empty, a frame cannot be
        read, or one has another size than the first of all.
    """
    if not directory.is_dir():
        raise BadInput("clips must be in a folder.", directory)
    clips = []
    for path in _clips_of_classes(directory) if labelled else _leaves(directory):
        frames = read_clip(path)
        check_size(frames, clips[0].frames.shape if clips else frames.shape, path)
        label = path.parent.name if labelled else None
        clips.append(Clip(path.relative_to(directory).as_posix(), frames, label))
    return clips


def _clips_of_classes(directory: Path) -> list[Path]:
    classes = _folders(directory)
    if not classes:
        raise BadInput("there must be a folder per class, got none.", directory)
    clips = []
    for own in classes:
        found = _folders(own)
        if not found:
            raise BadInput("a class must have a folder per clip, got none.", own)
        clips += found
    return clips


def _leaves(directory: Path) -> list[Path]:
    """Returns the folders without folders, `directory` itself if it is one."""
    folders = _folders(directory)
    if not folders:
        return [directory]
    return [leaf for folder in folders for leaf in _leaves(folder)]


def _folders(directory: Path) -> list[Path]:
    found = (path for path in directory.iterdir() if path.is_dir())
    return sorted((p for p in found if not p.name.startswith(".")), key=_order)


def _is_frame(path: Path) -> bool:
    name = path.name
    return name.lower().endswith(".png") and not name.startswith(".") and path.is_file()


def _order(path: Path) -> tuple[list, str]:
    """Orders names with the numbers in them as numbers."""
    parts = re.split(r"([0-9]+)", path.name)
    return [int(x) if i % 2 else x for i, x in enumerate(parts)], path.name
