"""Answers to folders of frames, by a trained network."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from experiments.data.frames import read_clip
from experiments.harness import BadInput
from experiments.shared.answering import Answer, round_up
from experiments.shared.trained import Trained


def make_reply(
    trained: Trained, probabilities: bool = False
) -> Callable[[str], Answer]:
    """Makes the function that answers a folder of PNG frames.

    Args:
      trained: a network that classifies clips or forecasts frames.
      probabilities: whether the answer has the probability of every label.

    Returns:
      `reply(line)`, where the line is the folder: its label, or the new folder with its
      next frames.

    Raises:
      BadInput: by `reply`, if the folder is no clip, its frames are of another size
        than those learned or too few, or the folder of the forecast exists.
    """
    symbols = trained.symbols
    answer = _labelling if trained.config.task == "classify" else _forecasting
    reply_to = answer(trained, probabilities)

    def reply(line: str) -> Answer:
        path = Path(line)
        frames = read_clip(path)
        if frames.shape[1:] != (symbols.height, symbols.width):
            raise BadInput(
                f"frames must be {symbols.width} x {symbols.height} pixels, as those "
                f"that were learned, got {frames.shape[2]} x {frames.shape[1]}.",
                path,
            )
        return reply_to(path, frames)

    return reply


def _labelling(trained: Trained, shows_all: bool):
    labels = trained.symbols.labels
    probabilities_of = jax.jit(
        lambda frames, mask: jax.nn.softmax(trained.module(frames / 255, mask=mask))
    )

    def reply(path: Path, frames: np.ndarray) -> Answer:
        del path
        padding = round_up(len(frames)) - len(frames)
        padded = np.pad(frames, [(0, padding), (0, 0), (0, 0)])
        mask = np.arange(len(padded)) < len(frames)
        found = np.asarray(probabilities_of(padded[None], mask[None]))[0]
        label = labels[found.argmax()]
        if not shows_all:
            return Answer(label, {"label": label})
        by_label = {name: round(float(p), 6) for name, p in zip(labels, found)}
        text = " ".join([label, *(f"{name}={p:.4f}" for name, p in by_label.items())])
        return Answer(text, {"label": label, "probabilities": by_label})

    return reply


def _forecasting(trained: Trained, shows_all: bool):
    del shows_all  # grey values are probabilities
    window, horizon = trained.config.window, trained.config.horizon
    forecast = jax.jit(
        lambda frames: jax.nn.sigmoid(
            trained.module(frames / 255, horizon)[:, -horizon:]
        )
    )

    def reply(path: Path, frames: np.ndarray) -> Answer:
        if len(frames) < window:
            raise BadInput(
                f"the clip must have at least {window} frames, got {len(frames)}.", path
            )
        target = path.with_name(f"{path.resolve().name}_forecast")
        if target.exists():
            raise BadInput("the folder of the forecast must not exist.", target)
        found = np.asarray(forecast(jnp.asarray(frames[None, -window:])))[0]
        target.mkdir()
        for k, frame in enumerate(np.rint(255 * found).astype(np.uint8), 1):
            Image.fromarray(frame).save(target / f"{k:04d}.png")
        return Answer(str(target), {"folder": str(target), "num_frames": horizon})

    return reply
