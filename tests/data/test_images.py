"""The idx format: a file written byte by byte, MNIST, and files that are refused."""

import gzip

import numpy as np
import pytest

from experiments.data.images import read_idx, read_mnist
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


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(head + array.astype(np.uint8).tobytes())
    return path


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        ((3, 2, 4), [0, 1, 2], r"images: images must be \[N, size, size\], got \[3, 2"),
        ((3, 2, 2), [0, 1], r"labels: labels must be \[3\], one per image, got \[2\]"),
        ((3, 2, 2), [0, 10, 2], "labels, byte 9: label 1 must be from 0 to 9, got 10"),
    ],
)
def test_images_and_labels_that_do_not_fit(tmp_path, images, labels, message):
    paths = {
        "train-images-idx3-ubyte": write_idx(tmp_path / "images", np.zeros(images)),
        "train-labels-idx1-ubyte": write_idx(tmp_path / "labels", np.array(labels)),
    }
    with pytest.raises(BadInput, match=message):
        read_mnist(paths, "train")
