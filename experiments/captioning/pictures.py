"""Pictures of captions: a sheet of good and bad ones, and where a decoder looks."""

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax import nnx

from experiments.captioning.loading import START, Examples, Symbols, encode
from experiments.captioning.scores import sentence_scores
from experiments.captioning.writing import as_read
from experiments.shared.figures import GREEN, RED, new_figure
from rnnjax.models.captioner import Captioner

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PER_ROW = 6
MOST_WORDS = 12  # in a row of a picture of attention
WIDTH = 26  # of a caption under an image, characters


def plot_sheet(examples: Examples, written: Sequence[str]) -> "Figure":
    """Draws the images with the best and with the worst captions, in two rows.

    Good and bad are by BLEU of each caption against all of its image. Under each image
    is what was written, and where that is no true caption, in a red frame, one of them.
    """
    scores = sentence_scores(examples.captions, written)
    order = np.argsort(-np.array(scores), kind="stable").tolist()
    number = min(PER_ROW, len(order))
    figure = new_figure(1.9 * number, 5.6)
    panels = figure.subplots(2, number, squeeze=False)
    for row, chosen in zip(panels, (order[:number], order[::-1][:number])):
        for axes, index in zip(row, chosen):
            is_true = written[index] in examples.captions[index]
            axes.imshow(examples.images[index])
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set(color=GREEN if is_true else RED, linewidth=2)
            text = textwrap.fill(str(written[index]) or "(nothing)", WIDTH)
            if not is_true:
                true = textwrap.fill(examples.captions[index][0], WIDTH)
                text += f"\n\ntrue: {true}"
            axes.set_xlabel(text, fontsize="x-small")
    return figure


def make_picture(
    module: Captioner, symbols: Symbols, num_images: int = 4
) -> Callable[..., "Figure"]:
    """Makes `picture(params, images, written)`: where a decoder looks at each word.

    The darker a place, the less it is looked at.

    Args:
      module: the model, with its weights shown.
      symbols: its vocabulary.
      num_images: images in the picture at most.
    """
    graph = nnx.graphdef(module)
    start = symbols.words.encode([START])

    @jax.jit
    def weigh(params, images, inputs):
        model = nnx.merge(graph, params)
        return model(as_read(images, model), inputs)["weights"]

    def picture(params: Any, images: np.ndarray, written: Sequence[str]) -> "Figure":
        images, texts = images[:num_images], list(written[:num_images])
        inputs = np.zeros((len(images), symbols.longest), np.int32)
        for row, tokens in zip(inputs, encode(texts, symbols)):
            read = np.concatenate([start, tokens])[: symbols.longest]
            row[: len(read)] = read
        weights = jax.device_get(weigh(params, images, inputs))
        words = [[*text.split(), "end"][:MOST_WORDS] for text in texts]
        width = max(map(len, words)) + 1
        figure = new_figure(1.2 * width, 1.4 * len(images))
        panels = figure.subplots(len(images), width, squeeze=False)
        for axes in panels.flat:
            axes.axis("off")
        for row, image, own, text in zip(panels, images, weights, words):
            row[0].imshow(image)
            for axes, looked, word in zip(row[1:], own, text):
                axes.imshow(_lit(image, looked))
                axes.set_title(word, fontsize="small")
        return figure

    return picture


def _lit(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns an image, `[side, side, 3]` uint8, lit where the weights are great."""
    size = math.isqrt(len(weights))
    share = weights.reshape(size, size) / weights.max()
    side = len(image)
    places = (np.arange(side) * size) // side
    light = 0.15 + 0.85 * share[np.ix_(places, places)]
    return (image * light[..., None]).astype(np.uint8)
