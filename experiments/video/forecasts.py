"""What a run that forecasts frames measures, prints, draws and writes."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.harness import Run
from experiments.shared import buckets as bucketing
from experiments.shared.figures import score_curve
from experiments.video import pictures
from experiments.video.baselines import Calibrated, repeat_last, shift_on
from experiments.video.loading import Clips, Examples, as_batch, make_buckets
from rnnjax.base import Array
from rnnjax.models.frame_forecaster import FrameForecaster

BASELINES = {"last frame": repeat_last, "constant velocity": shift_on}
NUM_SHOWN = 3  # clips in pictures
MOST_ERRORS = 100  # in the file of the worst clips
MOST_COUNTED = 1000  # training windows at most that baselines are calibrated on
AT_ONCE = 64  # windows that baselines forecast at a time


def frame_nats(logits: Array, frames: Array) -> Array:
    """Returns the cross entropy of each frame, summed over its pixels.

    Args:
      logits: `[..., height, width]`.
      frames: the same shape, from 0 to 1; grey is a probability of white.

    Returns:
      `[...]`, nats.
    """
    return (jax.nn.softplus(logits) - frames * logits).sum(axis=(-2, -1))


class Forecasts:
    """Measures a forecaster beside the baselines, which it prints first.

    Args:
      run: the run.
      config: its configuration.
      clips: the clips.
      module: the forecaster.
    """

    def __init__(self, run: Run, config: Any, clips: Clips, module: FrameForecaster):
        self._run, self._clips, self._config = run, clips, config
        graph, window, horizon = nnx.graphdef(module), config.window, config.horizon

        @jax.jit
        def forecast(params, frames):
            frames = frames / 255
            logits = nnx.merge(graph, params)(frames[:, :window], horizon)
            logits, targets = logits[:, -horizon:], frames[:, window:]
            wrong = ((logits > 0) != (targets > 0.5)).sum(axis=(-2, -1))
            return frame_nats(logits, targets), wrong, jax.nn.sigmoid(logits)

        self._forecast = forecast
        every = -(-len(clips.train.frames) // MOST_COUNTED)
        train = np.stack(clips.train.frames[::every])
        self._baselines = {
            name: Calibrated(guess, train[:, :window], train[:, window:])
            for name, guess in BASELINES.items()
        }
        self._levels = self._print_baselines("validation")
        if len(clips.test.frames):
            self._print_baselines("test")

    def _print_baselines(self, part: str) -> dict[str, float]:
        levels = {}
        for name, found in self._of_baselines(getattr(self._clips, part)).items():
            nats, wrong = found
            levels[name] = float(nats.mean())
            self._run.print(
                f"{part}, {name}: {levels[name]:.1f} nats per frame with calibrated "
                f"probabilities ({_listed(nats.mean(axis=0))}), "
                f"{wrong.mean():.1f} pixels wrong"
            )
        return levels

    def _of_baselines(self, examples: Examples) -> dict[str, tuple]:
        """Returns nats and numbers of wrong pixels of the baselines, by their names."""
        found = {}
        for name, baseline in self._baselines.items():
            nats, wrong = [], []
            for start in range(0, len(examples.frames), AT_ONCE):
                frames = np.stack(examples.frames[start : start + AT_ONCE])
                inputs, targets = np.split(frames, [self._config.window], axis=1)
                p, y = baseline(inputs), targets / 255
                own = -(y * np.log(p) + (1 - y) * np.log1p(-p))
                guesses = BASELINES[name](inputs, self._config.horizon)
                nats.append(own.sum(axis=(2, 3)))
                wrong.append(((guesses > 127) != (targets > 127)).sum(axis=(2, 3)))
            found[name] = np.concatenate(nats), np.concatenate(wrong)
        return found

    def _find(self, examples: Examples, params: Any) -> tuple[np.ndarray, np.ndarray]:
        """Returns nats and numbers of wrong pixels, `[num_examples, horizon]` each."""
        buckets = make_buckets(examples, self._config.num_clips)
        nats = np.zeros((len(examples.frames), self._config.horizon))
        wrong = np.zeros_like(nats)
        for rows in bucketing.rows_in_order(buckets):
            found = self._forecast(params, as_batch(examples, rows).frames)
            own = rows.indices[rows.is_real]
            nats[own], wrong[own] = (np.asarray(x)[rows.is_real] for x in found[:2])
        return nats, wrong

    def measure(self, part: str, params: Any) -> dict[str, Any]:
        """Measures a part.

        Returns:
          `<part>_loss`, nats per frame; `<part>_wrong_pixels` per frame; and the loss
          of each frame of the horizon, `<part>_loss_by_horizon`.
        """
        return self._scores(part, *self._find(getattr(self._clips, part), params))

    def _scores(self, part, nats, wrong) -> dict[str, Any]:
        return {
            f"{part}_loss": float(nats.mean()),
            f"{part}_wrong_pixels": float(wrong.mean()),
            f"{part}_loss_by_horizon": nats.mean(axis=0).tolist(),
        }

    def score(self, metrics: Mapping[str, Any]) -> float:
        """Returns the score by which parameters are chosen."""
        return -metrics["validation_loss"]

    def finish(self, params: Any, done: int) -> dict[str, Any]:
        """Tests the best parameters, and shows forecasts, or those of validation."""
        examples = self._clips.test
        part = "test" if len(examples.frames) else "validation"
        examples = getattr(self._clips, part)
        nats, wrong = self._find(examples, params)
        scores = self._scores(part, nats, wrong)
        by_horizon = scores[f"{part}_loss_by_horizon"]
        self._run.print(f"{part}, by frame: {_listed(by_horizon)} nats")
        order = np.argsort(-nats.mean(axis=1), kind="stable")
        lines = [f"{nats[i].mean():.1f} nats: {examples.names[i]}" for i in order]
        self._run.write_sample(done, "\n".join(lines[:MOST_ERRORS]), "_worst.txt")
        self._draw(examples, params, by_horizon, done)
        return scores if part == "test" else {}

    def _draw(self, examples: Examples, params: Any, by_horizon, done: int) -> None:
        shown = np.stack(examples.frames[:NUM_SHOWN])
        window = self._config.window
        found = np.asarray(self._forecast(params, jnp.asarray(shown))[2])
        forecast = np.concatenate([shown[:, :window] / 255, found], axis=1)
        self._run.write_plot("forecast", pictures.plot_clips(shown, forecast, window))
        animation = pictures.animate(shown, forecast, window)
        self._run.write_sample(done, animation, ".gif")
        curves = {"network": by_horizon}
        for name, (nats, _) in self._of_baselines(examples).items():
            curves[name] = nats.mean(axis=0).tolist()
        self._run.write_plot("loss_by_horizon", pictures.plot_horizon(curves))

    def plot(self) -> None:
        """Draws the losses so far."""
        figure = score_curve(
            self._run.metrics(),
            "validation_loss",
            levels=self._levels,
            ylabel="training loss, nats per frame",
        )
        self._run.write_plot("learning_curve", figure)


def _listed(values: Sequence[float] | np.ndarray) -> str:
    return " ".join(f"{value:.0f}" for value in values)
