"""Text as it comes: a recognizer that listens to a stream in chunks of any size."""

import functools
from typing import Any

import jax
import numpy as np
from flax import nnx

from experiments.data.audio_stream import LogMelStream, ResampledStream
from experiments.shared.recognition.examples import scale
from experiments.shared.trained import Trained

MOST_STEPS = 8  # of the encoder at once; a power of two


class Listener:
    """Turns a stream of samples into text.

    However the stream is cut, the text is that of the whole: samples wait until they
    fill a frame, and frames until they fill a step of the encoder. Steps are computed
    in chunks of 8, 4, 2 or 1, so that few programs are compiled.

    Args:
      trained: a run whose recognizer is causal.
      rate: samples per second that arrive.

    Raises:
      ValueError: if the recognizer reads in both directions.
    """

    def __init__(self, trained: Trained, rate: int):
        module, config, self._symbols = trained
        if module.layer.step is None:
            raise ValueError(
                "the run must be one with --streaming, got one that reads in both "
                "directions."
            )
        self._resampled = ResampledStream(rate, config.sample_rate)
        self._log_mel = LogMelStream(
            config.sample_rate, num_mels=config.num_mels, hop_seconds=config.hop_seconds
        )
        self._step_frames = config.subsampling
        self._waiting = np.zeros((0, config.num_mels), np.float32)
        self._num_symbols = 0
        graph = nnx.graphdef(module)
        self._greedy = functools.partial(_greedy, graph, nnx.as_pure(nnx.state(module)))
        nothing = np.zeros((1, self._step_frames, config.num_mels), np.float32)
        # A chunk of padding gives the carry before the first frame.
        no_frame = np.zeros((1, self._step_frames), bool)
        self._carry = self._greedy(nothing, None, no_frame)[2]

    def feed(self, samples: np.ndarray) -> str:
        """Takes the next samples, full scale at ±1; returns the text they complete."""
        return self._hear(self._log_mel.feed(self._resampled.feed(samples)))

    def finish(self) -> str:
        """Returns the rest of the text."""
        text = self._hear(self._log_mel.feed(self._resampled.finish()))
        text += self._hear(self._log_mel.finish())
        if len(self._waiting):
            mask = np.arange(self._step_frames) < len(self._waiting)
            frames = np.zeros((self._step_frames, self._waiting.shape[1]), np.float32)
            frames[: len(self._waiting)] = self._waiting
            text += self._read(frames, mask)
        return text

    def _hear(self, frames: np.ndarray) -> str:
        self._waiting = np.concatenate([self._waiting, scale(frames, self._symbols)])
        text = ""
        while num_steps := len(self._waiting) // self._step_frames:
            size = min(1 << (num_steps.bit_length() - 1), MOST_STEPS)
            size *= self._step_frames
            chunk, self._waiting = self._waiting[:size], self._waiting[size:]
            text += self._read(chunk, np.ones(size, bool))
        return text

    def _read(self, frames: np.ndarray, mask: np.ndarray) -> str:
        *found, self._carry = self._greedy(frames[None], self._carry, mask[None])
        tokens, lengths = jax.device_get(found)
        words = [self._symbols.decode([token]) for token in tokens[0, : lengths[0]]]
        separator = self._symbols.vocabulary.separator
        text = ""
        for word in words:
            text += (separator if self._num_symbols else "") + word
            self._num_symbols += 1
        return text


@functools.partial(jax.jit, static_argnums=0)
def _greedy(graph: nnx.GraphDef, params: Any, frames: Any, carry: Any, mask: Any):
    found = nnx.merge(graph, params).greedy(frames, carry, mask=mask)
    return found.tokens, found.lengths, found.carry
