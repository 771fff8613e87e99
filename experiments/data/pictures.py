"""Pictures in colour, as PNG or JPEG files, made square and small."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from experiments.data.image_files import opened_image, read_limited
from experiments.harness.errors import BadInput

SUFFIXES = ".jpeg", ".jpg", ".png"
MOST_BYTES = 64 << 20  # of a file
MOST_PIXELS = 1 << 26  # of a picture, 8,192 by 8,192


def is_picture(name: str) -> bool:
    """Returns whether a file's name ends as that of a picture does, in any case."""
    return name.lower().endswith(SUFFIXES)


def read_picture(path: Path, size: int) -> np.ndarray:
    """Reads a PNG or JPEG file as a square of colours.

    It is turned as its camera says and scaled along both axes, whatever its
    proportions; transparency is shown on black. What the header says is checked before
    anything is decompressed: a picture has at most 67,108,864 pixels, its file at most
    64 MiB.

    Args:
      path: the file.
      size: height and width of what is returned, pixels.

    Returns:
      `[size, size, 3]` uint8: red, green and blue.

    Raises:
      BadInput: if there is no such file, or it is not a whole picture, holds several,
        or is too large.
    """
    if not path.is_file():
        raise BadInput("there must be a picture, got no such file.", path)
    content = read_limited(path, "picture", MOST_BYTES)
    return decode_picture(content, size, path)


def decode_picture(content: bytes, size: int, path: Path | str) -> np.ndarray:
    """Decodes the content of a file, see `read_picture`.

    Args:
      content: the bytes.
      size: see `read_picture`.
      path: where they are from, for messages.

    Raises:
      BadInput: see `read_picture`.
    """
    limits = {"formats": ["PNG", "JPEG"], "most_pixels": MOST_PIXELS}
    with opened_image(content, path, "picture", **limits) as image:
        turned = ImageOps.exif_transpose(image)
        if turned.mode.startswith("I"):  # 16 bits of grey
            turned = Image.fromarray((np.asarray(turned) >> 8).astype(np.uint8))
        if turned.mode in ("LA", "PA") or "transparency" in turned.info:
            turned = turned.convert("RGBA")
        if turned.mode == "RGBA":
            black = Image.new("RGBA", turned.size, (0, 0, 0, 255))
            turned = Image.alpha_composite(black, turned)
        colors = turned.convert("RGB")
        if colors.size != (size, size):
            colors = colors.resize((size, size), Image.Resampling.BOX)
        return np.array(colors)
