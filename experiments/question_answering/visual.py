"""Questions about images: easy-VQA, packed."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.data.lookup import AnyPath, read_bytes
from experiments.data.stories import words_of
from experiments.harness import BadInput
from experiments.question_answering.examples import Example, Parts

EVERY = 10  # images of training of which the last is for validation


def read_easy_vqa(paths: Mapping[str, AnyPath]) -> tuple[Parts, np.ndarray]:
    """Reads the questions of easy-VQA.

    Args:
      paths: the files by name, see `lookup.find`: `images.npz` with `train_images` and
        `test_images`, uint8, and `train_questions.json` and `test_questions.json`, each
        a list of `[question, answer, number of the image]`.

    Returns:
      The examples, the questions about every tenth image of training being those for
      validation, and the images of both files, those of training first.

    Raises:
      BadInput: if a file has another form, or a question names no image.
    """
    path = paths["images.npz"]
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as arrays:
            images = [arrays["train_images"], arrays["test_images"]]
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(
            f"the file must hold train_images and test_images, got {error}.", path
        ) from None
    shapes = {(array.shape[1:], array.dtype.name) for array in images}
    if len(shapes) != 1 or images[0].ndim != 4 or images[0].dtype != np.uint8:
        raise BadInput(
            "images must be uint8 [N, height, width, channels], got "
            f"{images[0].dtype} {images[0].shape} and {images[1].shape}.",
            path,
        )
    train, test = (
        _read_questions(paths[f"{part}_questions.json"], len(own))
        for part, own in zip(("train", "test"), images)
    )
    validation = [example for example in train if example.image % EVERY == EVERY - 1]
    train = [example for example in train if example.image % EVERY != EVERY - 1]
    test = [one._replace(image=one.image + len(images[0])) for one in test]
    return Parts(train, validation, test), np.concatenate(images)


def _read_questions(path: AnyPath, num_images: int) -> list[Example]:
    try:
        content: Any = json.loads(read_bytes(path))
    except ValueError as error:
        raise BadInput(f"the file must be JSON, but: {error}.", path) from None
    if not isinstance(content, list):
        raise BadInput("the file must hold a list of questions.", path)
    for number, entry in enumerate(content):
        match entry:
            case [str(question), str(answer), int(image)] if (
                words_of(question) and answer and 0 <= image < num_images
            ):
                continue
        raise BadInput(
            f"question {number} must be a text, an answer and the number of one of "
            f"{num_images} images, got {entry!r}.",
            path,
        )
    return [
        Example((), words_of(question), answer, image=image)
        for question, answer, image in content
    ]
