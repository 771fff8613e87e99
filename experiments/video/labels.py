"""What a run that classifies clips measures, prints, draws and writes."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx

from experiments.harness import Run
from experiments.shared import buckets as bucketing
from experiments.shared.classes import confusion_matrix, plot_confusions, scores_table
from experiments.shared.figures import score_curve
from experiments.video.baselines import nearest_mean
from experiments.video.loading import Clips, Examples, as_batch, make_buckets
from rnnjax.models.frame_classifier import FrameClassifier

MOST_CLASSES = 40  # in the picture of confusions
MOST_ERRORS = 100  # in the file of them


class Labels:
    """Measures a classifier beside the baselines, which it prints first.

    Args:
      run: the run.
      config: its configuration.
      clips: the clips.
      module: the classifier.
    """

    def __init__(self, run: Run, config: Any, clips: Clips, module: FrameClassifier):
        self._run, self._clips, self._batch_size = run, clips, config.num_clips
        graph = nnx.graphdef(module)

        @jax.jit
        def probabilities_of(params, frames, mask):
            return jax.nn.softmax(nnx.merge(graph, params)(frames / 255, mask=mask))

        self._probabilities_of = probabilities_of
        self._levels = {}
        for part, found in {
            name: self._baselines(name) for name in ("validation", "test")
        }.items():
            for label, accuracy in found.items():
                run.print(f"{label}: {part}_accuracy {accuracy:.4f}")
            if part == "validation":
                self._levels = found

    def _baselines(self, part: str) -> dict[str, float]:
        examples, train = getattr(self._clips, part), self._clips.train
        if not len(examples.labels):
            return {}
        frequent = np.bincount(train.labels).argmax()
        means, others = (
            np.stack([frames.mean(axis=0) for frames in own.frames])
            for own in (train, examples)
        )
        nearest = nearest_mean(means, train.labels, others)
        return {
            "most frequent label": float((examples.labels == frequent).mean()),
            "nearest mean frame": float((examples.labels == nearest).mean()),
        }

    def _find(self, examples: Examples, params: Any) -> np.ndarray:
        """Returns the probabilities `[num_examples, num_labels]`."""
        buckets = make_buckets(examples, self._batch_size)
        shape = len(examples.labels), len(self._clips.symbols.labels)
        found = np.zeros(shape, np.float32)
        for rows in bucketing.rows_in_order(buckets):
            batch = as_batch(examples, rows)
            own = self._probabilities_of(params, batch.frames, batch.mask)
            found[rows.indices[rows.is_real]] = np.asarray(own)[rows.is_real]
        return found

    def measure(self, part: str, params: Any) -> dict[str, Any]:
        """Returns `<part>_accuracy` and `<part>_loss`, nats per clip."""
        examples = getattr(self._clips, part)
        return self._scores(part, examples, self._find(examples, params))

    def _scores(self, part, examples, found):
        labels = examples.labels
        of_true = found[np.arange(len(labels)), labels]
        tiny = np.finfo(np.float32).tiny
        return {
            f"{part}_accuracy": float((found.argmax(axis=1) == labels).mean()),
            f"{part}_loss": float(-np.log(np.maximum(of_true, tiny)).mean()),
        }

    def score(self, metrics: Mapping[str, Any]) -> float:
        """Returns the score by which parameters are chosen."""
        return metrics["validation_accuracy"]

    def finish(self, params: Any, done: int) -> dict[str, Any]:
        """Tests the best parameters, and writes errors and confusions."""
        examples, names = self._clips.test, self._clips.symbols.labels
        if not len(examples.labels):
            return {}
        found = self._find(examples, params)
        predicted = found.argmax(axis=1)
        confusions = confusion_matrix(examples.labels, predicted, len(names))
        self._run.print(scores_table(confusions, names))
        if len(names) <= MOST_CLASSES:
            self._run.write_plot("confusions", plot_confusions(confusions, names))
        wrong = np.flatnonzero(predicted != examples.labels)
        surest = wrong[np.argsort(-found[wrong, predicted[wrong]], kind="stable")]
        lines = [
            f"{examples.names[i]}: {names[predicted[i]]} "
            f"({found[i, predicted[i]]:.3f}), not {names[examples.labels[i]]}"
            for i in surest[:MOST_ERRORS]
        ]
        self._run.write_sample(done, "\n".join(lines), "_errors.txt")
        return self._scores("test", examples, found)

    def plot(self) -> None:
        """Draws the loss and the accuracy so far."""
        figure = score_curve(
            self._run.metrics(),
            "validation_accuracy",
            levels=self._levels,
            ylabel="training loss, nats per clip",
        )
        self._run.write_plot("learning_curve", figure)
