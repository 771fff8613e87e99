"""Pictures of where models look, and of what they reach in several tasks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax import nnx

from experiments.question_answering.batches import Batcher
from experiments.question_answering.examples import Example, Symbols, encode
from experiments.question_answering.scores import Score, compile_options
from experiments.shared.attention_figure import plot_attention
from experiments.shared.figures import BLUE, ORANGE, hide_frame, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUM_SHOWN = 6  # examples in the picture of attention


def answers_of(
    prepared: Any, params: Any, examples: Sequence[Example], score: Score
) -> list[str]:
    """Returns what a model answers to some examples."""
    symbols: Symbols = prepared.symbols
    data = encode(examples, symbols)
    scores = score(params, Batcher(data, prepared.shapes, prepared.data.images))
    return [symbols.answers[i] for i in scores.argmax(axis=1)]


def draw_attention(prepared: Any, params: Any, score: Score) -> "Figure":
    """Draws where the models look: the words of a story, or the places of an image.

    The first questions of the validation part are shown, of several tasks one each.
    """
    per_task = -(-NUM_SHOWN // len(prepared.tasks))
    shown: list[tuple[str, Example, np.ndarray]] = []
    weigh = _make_weigh(prepared.module)
    for name, task in list(prepared.tasks.items())[:NUM_SHOWN]:
        chosen = task.parts.validation[:per_task]
        data = encode(chosen, prepared.symbols)
        batcher = Batcher(data, prepared.shapes, prepared.data.images)
        weights: dict[int, np.ndarray] = {}
        for rows, batch in batcher.in_order():
            found = np.asarray(weigh(params[name], batch))
            weights |= {index: own for index, own in zip(rows.indices, found)}
        given = answers_of(prepared, params[name], chosen, score)
        for index, (example, answer) in enumerate(zip(chosen, given)):
            title = " ".join((*example.question, answer))
            if answer != example.answer:
                title += f" (true: {example.answer})"
            shown.append((title, example, weights[index]))
    if prepared.data.images is not None:
        return _draw_images(shown, prepared.data.images)
    return plot_attention(
        [
            (title, example.story, weights[: len(example.story)])
            for title, example, weights in shown
        ]
    )


def _make_weigh(module: Any):
    graph = nnx.graphdef(module)

    def weigh(params, batch):
        model = nnx.merge(graph, params)
        masks = {"story_mask": batch.story_mask, "question_mask": batch.question_mask}
        return model.weigh(batch.story, batch.question, **masks)

    return jax.jit(weigh, compiler_options=compile_options(module))


def _draw_images(shown, images) -> "Figure":
    figure = new_figure(2.2 * len(shown), 2.6)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, (title, example, weights) in zip(panels, shown):
        image = images[example.image]
        side = round(len(weights) ** 0.5)
        extent = (0, image.shape[1], image.shape[0], 0)
        axes.imshow(image, extent=extent)
        places = weights.reshape(side, side)
        axes.imshow(places, extent=extent, cmap="Greys_r", alpha=0.6, vmin=0)
        axes.set_title(title, fontsize=7, wrap=True)
        axes.set_axis_off()
    return figure


def draw_tasks(metrics: Mapping[str, dict[str, float]]) -> "Figure":
    """Draws the test accuracy of every task beside that of its controls."""
    figure = new_figure(9.0, 3.6)
    axes = figure.add_subplot()
    places = np.arange(len(metrics))
    values = {
        name: [own[f"test_accuracy{name}"] for own in metrics.values()]
        for name in ("", "_question_only", "_majority")
    }
    axes.bar(places, values[""], color=BLUE, label="the model")
    style = {"linestyle": "", "markersize": 9}
    axes.plot(
        places,
        values["_question_only"],
        marker="_",
        color=ORANGE,
        label="question only",
        **style,
    )
    axes.plot(
        places,
        values["_majority"],
        marker="_",
        color="black",
        label="majority",
        **style,
    )
    axes.set_xticks(places, list(metrics), rotation=90)
    axes.set_ylabel("test accuracy")
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    hide_frame(axes)
    return figure
