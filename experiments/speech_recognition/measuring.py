"""How fast a trained recognizer of digits is, and how far its times of words are off.

  python -m experiments.speech_recognition.measuring RUN --data-dir DATA

RUN is one of --dataset fsdd_strings. It hears strings of the test part, whose words'
times are known, one after the other; compiling is not counted. On one core:
`taskset -c 0 python -m ...`.
"""

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flax import nnx

from experiments.data import lookup
from experiments.data.spoken_digits import list_spoken_digits
from experiments.shared.recognition.alignment import make_align
from experiments.shared.recognition.examples import Example
from experiments.shared.trained import Trained, load
from experiments.speech_recognition.loading import make_strings
from experiments.speech_recognition.recordings import frames_of
from experiments.speech_recognition.stringing import Strung
from experiments.speech_recognition.use import make_transcribe

NUM_STRINGS = 100


class TimeErrors(NamedTuple):
    """How far the times of words are off, in seconds; a positive error is late.

    Attributes:
      begins: `[num_words]`, errors of the times at which words begin.
      ends: `[num_words]`, errors of those at which they end.
    """

    begins: np.ndarray
    ends: np.ndarray


def measure_times(trained: Trained, strings: list[Strung]) -> TimeErrors:
    """Aligns the known words of strings with their sound, and compares the times."""
    module, config, symbols = trained
    align = make_align(module, symbols)
    params: Any = nnx.as_pure(nnx.state(module))
    step = config.hop_seconds * config.subsampling
    errors = []
    for samples, words, times in strings:
        frames = frames_of(samples, config)
        found = align(params, Example(frames, " ".join(words), "a string"))
        for (_, *steps), known in zip(found, times, strict=True):
            true = np.array(known) / config.sample_rate
            errors.append(np.array(steps) * step - true)
    return TimeErrors(*np.array(errors).T)


def measure_rate(trained: Trained, strings: list[Strung]) -> float:
    """Returns seconds of sound per second of processor time, one string at a time."""
    transcribe = make_transcribe(trained)
    sounds = [one.samples for one in strings]
    for sound in sounds:  # compiles
        transcribe(sound)
    begin = time.process_time()
    for sound in sounds:
        transcribe(sound)
    taken = time.process_time() - begin
    return sum(map(len, sounds)) / trained.config.sample_rate / taken


def main() -> None:
    """Measures the run of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--data-dir", type=Path)
    given = parser.parse_args()
    trained = load(given.run, experiment="experiments.speech_recognition")
    spoken = list_spoken_digits(lookup.find("fsdd", given.data_dir).values())
    rate = trained.config.sample_rate
    strings = [one for _, one in make_strings(spoken, "test", NUM_STRINGS, rate)]
    print(f"rate: {measure_rate(trained, strings):.0f} times real time")
    if trained.config.loss == "ctc":
        for name, found in measure_times(trained, strings)._asdict().items():
            print(
                f"{name}: {1000 * np.abs(found).mean():.0f} ms off, "
                f"on average {1000 * found.mean():+.0f} ms"
            )


if __name__ == "__main__":
    main()
