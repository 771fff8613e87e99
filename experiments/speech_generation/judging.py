"""Who says whether a sound is its text: a recognizer, or a formula for made vowels."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from experiments.data.audio import log_mel, resample
from experiments.harness import BadInput
from experiments.shared.recognition.writing import make_reader
from experiments.shared.trained import load
from experiments.speech_generation.loading import Sound, SoundFlags
from experiments.speech_generation.vowels import read_vowels

BATCH_SIZE = 20
Judge = Callable[[Sequence[np.ndarray], Sequence[str]], list[str]]


def make_judge(flags: SoundFlags, run: Path | None) -> Judge | None:
    """Makes `judge(sounds, speakers)`, the text that is heard in each.

    Args:
      flags: what is learned, and its sample rate.
      run: a run of speech_recognition; None: made vowels are read by their formula, and
        nobody judges other sounds.

    Raises:
      BadInput: if there is no such run, or one of another experiment.
    """
    if run is not None:
        return _recognizer(run, flags.sample_rate)
    if flags.dataset == "vowels" and flags.data_path is None:
        return lambda sounds, speakers: [
            read_vowels(samples, speaker, flags.sample_rate)
            for samples, speaker in zip(sounds, speakers, strict=True)
        ]
    return None


def _recognizer(run: Path, rate: int) -> Judge:
    trained = load(run, experiment="experiments.speech_recognition")
    config = trained.config
    read = make_reader(trained, BATCH_SIZE)

    def judge(sounds, speakers):
        del speakers
        return read(
            [
                log_mel(
                    resample(samples, rate, config.sample_rate),
                    config.sample_rate,
                    num_mels=config.num_mels,
                    hop_seconds=config.hop_seconds,
                )
                for samples in sounds
            ]
        )

    return judge


def share_named(heard: Sequence[str], texts: Sequence[str]) -> float:
    """Returns the share of texts that were heard as they are."""
    return float(np.mean([a == b for a, b in zip(heard, texts, strict=True)]))


def check_known(parts: Sequence[Sequence[Sound]], check: Callable[..., object]) -> None:
    """Checks that texts and speakers of other parts were learned.

    Raises:
      BadInput: with file and line, if one was not.
    """
    for part in parts:
        for recording, speaker in part:
            try:
                check(recording.text, speaker)
            except BadInput as error:
                raise BadInput(
                    f"{recording.name}: {error}", recording.path, recording.line
                ) from None
