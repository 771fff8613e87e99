"""The idx format: a file written byte by byte, and files that are refused."""

import gzip

import numpy as np
import pytest

from experiments.data.images import read_idx
from experiments.harness.errors import BadInput

HEAD = b"\0\0\x08\x02" + b"\0\0\0\x02" + b"\0\0\0\x03"


def test_an_array_laid_out_by_hand(tmp_path):
    path = tmp_path / "two-by-three.gz"
    path.write_bytes(gzip.compress(HEAD + bytes([7, 1, 0, 255, 4, 9])))
    np.testing.assert_array_equal(read_idx(path), [[7, 1, 0], [255, 4, 9]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "file, byte 0: an idx file .* must begin with 00 00 08, got an empty"),
        (b"\0\0\x0d\x01abcd", "byte 0: an idx file .* got 00 00 0d"),
        (HEAD + b"12345", "byte 17: an array of 2 x 3 must take 18 bytes, got 17"),
        (HEAD + b"1234567", "byte 18: an array of 2 x 3 must take 18 bytes, got 19"),
        (HEAD[:7], "byte 7: the sizes of 2 axes must be in bytes 4 to 12, got a file"),
    ],
)
def test_what_is_no_idx_file(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_idx(path)
