"""The file format of MNIST: one array of bytes."""

import math
from pathlib import Path

import numpy as np

from experiments.data.lookup import DamagedData, read_bytes

UNSIGNED_BYTES = b"\0\0\x08"


def read_idx(path: str | Path) -> np.ndarray:
    """Reads an array of unsigned bytes, unpacking the file if its name ends in `.gz`.

    The file has two zeros, 8 for unsigned bytes, the number of axes, their sizes in
    four bytes each, the first one first, and the elements, the last axis fastest.

    Args:
      path: the file.

    Returns:
      The array, uint8.

    Raises:
      DamagedData: if the file is no such array.
    """
    content = read_bytes(path)
    if len(content) < 4 or content[:3] != UNSIGNED_BYTES:
        raise DamagedData(
            f"{path} must begin as an idx file of unsigned bytes, 00 00 08, "
            f"got {content[:3].hex(' ') or 'an empty file'}."
        )
    begin = 4 + 4 * content[3]
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, begin, 4)]
    if len(content) != begin + math.prod(shape):
        raise DamagedData(
            f"{path} must have {content[3]} sizes and as many elements as these say, "
            f"got {len(content)} bytes."
        )
    return np.frombuffer(content, np.uint8, offset=begin).reshape(shape)
