"""Image files, opened with what their headers say checked first."""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from experiments.harness.errors import BadInput


def read_limited(path: Path, noun: str, most_bytes: int) -> bytes:
    """Reads a file unless it is too large.

    Raises:
      BadInput: if it is.
    """
    num_bytes = path.stat().st_size
    if num_bytes > most_bytes:
        raise BadInput(
            f"a {noun}'s file must have at most {most_bytes:,} bytes, got "
            f"{num_bytes:,}.",
            path,
        )
    return path.read_bytes()


@contextlib.contextmanager
def opened_image(
    content: bytes,
    path: Path | str,
    noun: str,
    *,
    formats: list[str],
    most_pixels: int,
) -> Iterator[Image.Image]:
    """Opens the content of a file; what goes wrong in the body is the file's fault too.

    Args:
      content: the bytes.
      path: where they are from, for messages.
      noun: what an image is called in messages.
      formats: names of the formats that are read, as Pillow has them.
      most_pixels: pixels that an image may have, by its header.

    Yields:
      The image, not yet decompressed.

    Raises:
      BadInput: if it is not a whole image, holds several, or is too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of size and palette, both looked after
            with Image.open(io.BytesIO(content), formats=formats) as image:
                width, height = image.size
                if width * height > most_pixels:
                    raise BadInput(
                        f"a {noun} must have at most {most_pixels:,} pixels, got "
                        f"{width:,} x {height:,}: make it smaller.",
                        path,
                    )
                if getattr(image, "n_frames", 1) > 1:
                    raise BadInput(
                        f"a {noun} must be one image, got an animation.", path
                    )
                yield image
    except BadInput:
        raise
    except Exception as error:  # of many types, as the bytes have it
        message = re.sub("<_io.*>", "it", f"{type(error).__name__}: {error}")
        raise BadInput(
            f"a {noun} must be a {' or '.join(formats)} image, got {message}.", path
        ) from None
