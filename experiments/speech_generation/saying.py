"""Texts as sounds: by the frames of a speaker, or sample by sample."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx

from experiments.data.audio import inverse_mu_law
from experiments.data.audio_writing import wav_bytes
from experiments.data.griffin_lim import sound_of_log_mel
from experiments.harness import files, flag
from experiments.shared.trained import Trained
from experiments.speech_generation.batches import NUM_LEVELS, SILENCE, unscale
from experiments.speech_generation.loading import SoundFlags, Symbols
from rnnjax.decoding import generate, inverse_cdf, sample_tokens, without_log_probs
from rnnjax.models.sample_level import SampleLevel
from rnnjax.models.speaker import Speaker

MORE = 1.2  # frames at most, as a share of those of the longest training sound
Say = Callable[..., list[np.ndarray]]


def make_say(module: Any, symbols: Symbols, flags: SoundFlags) -> Say:
    """Makes `say(params, texts, speakers, *, key, temperature=1.0)`.

    It returns the sounds `[num_samples]` of the texts, of equally many speakers. The
    key and the temperature count for samples alone.

    Raises:
      BadInput: by `say`, if a text cannot be said or a speaker is not known.
    """
    make = _frames_say if flags.output == "frames" else _samples_say
    return make(module, symbols, flags)


def sound_of(frames: np.ndarray, flags: SoundFlags) -> np.ndarray:
    """Returns the sound of log-mel frames that the flags describe."""
    return sound_of_log_mel(frames, flags.sample_rate, hop_seconds=flags.hop_seconds)


def _frames_say(module: Speaker, symbols: Symbols, flags: SoundFlags) -> Say:
    graph = nnx.graphdef(module)
    most = round(MORE * symbols.most_frames)

    @jax.jit
    def speak(params, text, mask):
        found = nnx.merge(graph, params).speak(text, most, text_mask=mask)
        return found.frames, found.lengths

    def say(params, texts, speakers, *, key=None, temperature=1.0):
        del key, temperature
        rows = [symbols.encode(*one) for one in zip(texts, speakers, strict=True)]
        lengths = np.array([len(row) for row in rows])
        mask = np.arange(lengths.max()) < lengths[:, None]
        text = np.zeros(mask.shape, np.int32)
        text[mask] = np.concatenate(rows)
        frames, lengths = jax.device_get(speak(params, text, mask))
        return [
            sound_of(unscale(row[:length], symbols), flags)
            for row, length in zip(frames, lengths)
        ]

    return say


def _samples_say(module: SampleLevel, symbols: Symbols, flags: SoundFlags) -> Say:
    graph = nnx.graphdef(module)

    def say(params, texts, speakers, *, key, temperature=1.0):
        labels = [symbols.labels(*one) for one in zip(texts, speakers, strict=True)]
        model = nnx.merge(graph, params)
        lengths = [
            round(symbols.seconds[text] * flags.sample_rate) for text, _ in labels
        ]
        sampler = sample_tokens(temperature=temperature, choose=inverse_cdf)
        found = generate(
            model.layer,
            model.bind(jnp.asarray(np.stack(labels))),
            jnp.full((1, len(labels)), SILENCE),
            max(lengths),
            key,
            sampler=without_log_probs(sampler),
        )
        levels = np.asarray(found.drawn)
        return [
            inverse_mu_law(levels[:length, row], NUM_LEVELS)
            for row, length in enumerate(lengths)
        ]

    return say


def measure_rate(say: Say, params: Any, symbols: Symbols) -> float:
    """Returns the samples that are generated per second, one sound at a time.

    Compilation is not counted.
    """
    one = [symbols.texts[0]], [symbols.speakers[0]]
    say(params, *one, key=jax.random.key(0))
    begin = time.perf_counter()
    (sound,) = say(params, *one, key=jax.random.key(1))
    return len(sound) / (time.perf_counter() - begin)


@dataclasses.dataclass(frozen=True)
class SayFlags:
    """The flags of `--say`."""

    text: tyro.conf.Positional[str] = flag("", "what to say")
    speaker: str | None = flag(None, "who says it; none: the first of those learned")
    output_file: Path = flag(Path("said.wav"), "the WAV file to write")
    temperature: float = flag(1.0, "of samples: below 1 is cleaner and less varied")
    seed: int = flag(0, "seed of the draws, for samples")

    def __post_init__(self):
        """Checks the temperature."""
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}.")


def say_to_file(trained: Trained, flags: SayFlags) -> None:
    """Writes a text as a WAV file.

    Raises:
      BadInput: if the text cannot be said, or the speaker is not known.
    """
    module, config, symbols = trained
    say = make_say(module, symbols, config)
    speaker = symbols.speakers[0] if flags.speaker is None else flags.speaker
    (sound,) = say(
        nnx.as_pure(nnx.state(module)),
        [flags.text],
        [speaker],
        key=jax.random.key(flags.seed),
        temperature=flags.temperature,
    )
    files.write_whole(flags.output_file, wav_bytes(sound, config.sample_rate))
