"""Digits read row by row or pixel by pixel."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from experiments.data.images import MNIST_PARTS, NUM_DIGITS, dot_digits, read_mnist
from experiments.data.lookup import AnyPath
from experiments.memory_tasks.task import (
    Sequences,
    Task,
    cross_entropy_at_end,
    is_wrong_at_end,
)
from rnnjax.base import Array


class Images(NamedTuple):
    """A source of images.

    Attributes:
      size: number of rows, and of pixels per row.
      sample: `(key, batch_size) -> (images [B, size, size], labels [B])` for training.
      sample_test: `(key, index, batch_size) -> (images, labels)`, test batch `index`.
    """

    size: int
    sample: Callable[[Array, int], tuple[Array, Array]]
    sample_test: Callable[[Array, ArrayLike, int], tuple[Array, Array]]


def rows(images: Images) -> Task:
    """Makes the task of classifying a digit read row by row, from the top."""
    return _read(images, lambda x: x.transpose(1, 0, 2))


def pixels(images: Images) -> Task:
    """Makes the task of classifying a digit read pixel by pixel, row after row."""
    return _read(images, lambda x: x.reshape(len(x), -1).T[..., None])


def permuted_pixels(images: Images) -> Task:
    """Makes the task of `pixels` in a fixed random order, the same for all digits.

    References:
      Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified
      Linear Units", 2015, for both orders; the permutation is ours.
    """
    order = np.random.default_rng(0).permutation(images.size**2)
    return _read(images, lambda x: x.reshape(len(x), -1).T[order, :, None])


def mnist(paths: Mapping[str, AnyPath]) -> Images:
    """Returns the digits of MNIST, pixels from 0 to 1.

    Training batches are sampled with replacement, so 60,000 images are not one pass
    over all. Test batches go through the test images in order, and start again after
    the last.

    Args:
      paths: the four files by name; see `experiments.data.lookup.find`.

    Raises:
      BadInput: if a file is not an array of unsigned bytes, or images and labels do not
        belong together.
    """
    images, labels, test_images, test_labels = (
        jnp.asarray(array) for part in MNIST_PARTS for array in read_mnist(paths, part)
    )

    def sample(key, batch_size):
        chosen = jax.random.randint(key, (batch_size,), 0, len(images))
        return images[chosen] / 255, labels[chosen]

    def sample_test(key, index, batch_size):
        del key
        chosen = (index * batch_size + jnp.arange(batch_size)) % len(test_images)
        return test_images[chosen] / 255, test_labels[chosen]

    return Images(images.shape[-1], sample, sample_test)


def dot_matrix() -> Images:
    """Returns digits of a dot-matrix display, made by code, 8 by 8 pixels.

    Each is the same 5 by 7 dots, shifted, at a random brightness and with noise.
    """
    glyphs = jnp.asarray(dot_digits(), float)
    size, (height, width) = 8, glyphs.shape[1:]

    def sample_one(key):
        label_key, row_key, column_key, light_key, noise_key = jax.random.split(key, 5)
        label = jax.random.randint(label_key, (), 0, len(glyphs))
        row = jax.random.randint(row_key, (), 0, size - height + 1)
        column = jax.random.randint(column_key, (), 0, size - width + 1)
        light = jax.random.uniform(light_key, minval=0.6)
        empty = 0.2 * jax.random.normal(noise_key, (size, size))
        glyph = jnp.zeros((size, size)).at[:height, :width].set(light * glyphs[label])
        return empty + jnp.roll(glyph, jnp.array([row, column]), axis=(0, 1)), label

    def sample(key, batch_size):
        return jax.vmap(sample_one)(jax.random.split(key, batch_size))

    def sample_test(key, index, batch_size):
        return sample(jax.random.fold_in(key, index), batch_size)

    return Images(size, sample, sample_test)


def _read(images: Images, as_sequences: Callable[[Array], Array]) -> Task:
    """Makes the task of images that a function turns into `[T, B, input_size]`."""

    def sample(key, batch_size):
        sampled, labels = images.sample(key, batch_size)
        return Sequences(as_sequences(sampled), labels)

    def sample_test(key, index, batch_size):
        sampled, labels = images.sample_test(key, index, batch_size)
        return Sequences(as_sequences(sampled), labels)

    shape = jax.eval_shape(lambda: sample(jax.random.key(0), 1)).inputs.shape
    return Task(
        input_size=shape[-1],
        output_size=NUM_DIGITS,
        sample=sample,
        sample_test=sample_test,
        loss=cross_entropy_at_end,
        score=is_wrong_at_end,
        score_name="share wrong",
        solved_below=0.02,
        chance=0.9,
    )
