"""Digits read a row or a pixel at a time."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.data.idx import read_idx
from experiments.memory.task import (
    Sequences,
    Task,
    cross_entropy_at_end,
    is_wrong_at_end,
)
from rnnjax.base import Array

GLYPHS = """
.###. ..#.. .###. ##### ...#. ##### ..##. ##### .###. .###.
#...# .##.. #...# ...#. ..##. #.... .#... ....# #...# #...#
#..## ..#.. ....# ..#.. .#.#. ####. #.... ...#. #...# #...#
#.#.# ..#.. ...#. ...#. #..#. ....# ####. ..#.. .###. .####
##..# ..#.. ..#.. ....# ##### ....# #...# .#... #...# ....#
#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ...#.
.###. .###. ##### .###. ...#. .###. .###. .#... .###. .##..
"""


class Images(NamedTuple):
    """Where images come from.

    Attributes:
      size: rows, and pixels of a row.
      draw: `(key, batch_size) -> (images [B, size, size], labels [B])`, to learn from.
      draw_test: `(key, index, batch_size) -> (images, labels)`, to be examined with.
    """

    size: int
    draw: Callable[[Array, int], tuple[Array, Array]]
    draw_test: Callable[[Array, Array, int], tuple[Array, Array]]


def rows(images: Images) -> Task:
    """Makes the task to name a digit that is read a row at a time, from the top."""
    return _read(images, lambda x: x.transpose(1, 0, 2))


def pixels(images: Images) -> Task:
    """Makes the task to name a digit that is read a pixel at a time, row by row."""
    return _read(images, lambda x: x.reshape(len(x), -1).T[..., None])


def permuted_pixels(images: Images) -> Task:
    """Makes the task of `pixels` in another order, one and the same for all digits.

    References:
      Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified
      Linear Units", 2015, for both orders; the permutation is our own.
    """
    order = np.random.default_rng(0).permutation(images.size**2)
    return _read(images, lambda x: x.reshape(len(x), -1).T[order, :, None])


def mnist(paths: Mapping[str, Path]) -> Images:
    """Returns the digits of MNIST, from 0 to 1.

    A batch to learn from is drawn with replacement, so an epoch is 60,000 images but
    not each of them once. Those to be examined with come in their order, from the
    beginning again after the last.

    Args:
      paths: of the four files, by their names; see `experiments.data.lookup.find`.
    """
    (images, labels), tests = (
        (
            jnp.asarray(read_idx(paths[f"{name}-images-idx3-ubyte"])),
            jnp.asarray(read_idx(paths[f"{name}-labels-idx1-ubyte"]), jnp.int32),
        )
        for name in ("train", "t10k")
    )

    def draw(key, batch_size):
        chosen = jax.random.randint(key, (batch_size,), 0, len(images))
        return images[chosen] / 255, labels[chosen]

    def draw_test(key, index, batch_size):
        del key
        chosen = (index * batch_size + jnp.arange(batch_size)) % len(tests[0])
        return tests[0][chosen] / 255, tests[1][chosen]

    return Images(images.shape[-1], draw, draw_test)


def dot_matrix() -> Images:
    """Returns digits of a dot-matrix display, made by code, 8 by 8 pixels.

    Nobody wrote them: each is the same 5 by 7 dots, shifted, faded and with noise.
    """
    lines = [line.split() for line in GLYPHS.split("\n") if line]
    dots = np.array([[list(glyph) for glyph in line] for line in lines]) == "#"
    glyphs = jnp.asarray(dots.transpose(1, 0, 2), float)
    size, (height, width) = 8, glyphs.shape[1:]

    def draw_one(key):
        label_key, row_key, column_key, light_key, noise_key = jax.random.split(key, 5)
        label = jax.random.randint(label_key, (), 0, len(glyphs))
        row = jax.random.randint(row_key, (), 0, size - height + 1)
        column = jax.random.randint(column_key, (), 0, size - width + 1)
        light = jax.random.uniform(light_key, minval=0.6)
        empty = 0.2 * jax.random.normal(noise_key, (size, size))
        glyph = jnp.zeros((size, size)).at[:height, :width].set(light * glyphs[label])
        return empty + jnp.roll(glyph, jnp.array([row, column]), axis=(0, 1)), label

    def draw(key, batch_size):
        return jax.vmap(draw_one)(jax.random.split(key, batch_size))

    def draw_test(key, index, batch_size):
        return draw(jax.random.fold_in(key, index), batch_size)

    return Images(size, draw, draw_test)


def _read(images: Images, in_order: Callable[[Array], Array]) -> Task:
    """Makes the task of images that a function turns into `[T, B, input_size]`."""

    def draw(key, batch_size):
        drawn, labels = images.draw(key, batch_size)
        return Sequences(in_order(drawn), labels)

    def draw_test(key, index, batch_size):
        drawn, labels = images.draw_test(key, index, batch_size)
        return Sequences(in_order(drawn), labels)

    shape = jax.eval_shape(lambda: draw(jax.random.key(0), 1)).inputs.shape
    return Task(
        input_size=shape[-1],
        output_size=10,
        draw=draw,
        draw_test=draw_test,
        loss=cross_entropy_at_end,
        score=is_wrong_at_end,
        score_name="share wrong",
        solved_below=0.02,
        guess=0.9,
    )
