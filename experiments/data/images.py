"""Images: the idx format of MNIST, an array of bytes."""

import math

import numpy as np

from experiments.data.lookup import AnyPath, read_bytes
from experiments.harness.errors import BadInput

UNSIGNED_BYTES = b"\0\0\x08"


def read_idx(path: str | AnyPath) -> np.ndarray:
    """Reads an array of unsigned bytes, decompressing a file whose name ends in `.gz`.

    The file has two zeros, 8 for unsigned bytes, the number of axes, their sizes in
    four bytes each, the first axis first, and the elements, the last axis fastest.

    Args:
      path: the file.

    Returns:
      The array, uint8.

    Raises:
      BadInput: if the file is not such an array.
    """
    content = read_bytes(path)
    if len(content) < 4 or content[:3] != UNSIGNED_BYTES:
        raise BadInput(
            "an idx file of unsigned bytes must begin with 00 00 08, "
            f"got {content[:3].hex(' ') or 'an empty file'}.",
            path,
            byte=0,
        )
    begin = 4 + 4 * content[3]
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, begin, 4)]
    if len(content) < begin:
        raise BadInput(
            f"the sizes of {content[3]} axes must be in bytes 4 to {begin}, "
            f"got a file of {len(content)} bytes.",
            path,
            byte=len(content),
        )
    if len(content) != begin + math.prod(shape):
        raise BadInput(
            f"an array of {' x '.join(map(str, shape))} must take "
            f"{begin + math.prod(shape)} bytes, got {len(content)}.",
            path,
            byte=min(len(content), begin + math.prod(shape)),
        )
    return np.frombuffer(content, np.uint8, offset=begin).reshape(shape)
