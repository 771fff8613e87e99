"""What a trained recognizer does with recordings: transcripts, and times of words."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import jax
import numpy as np
import tyro
from flax import nnx

from experiments.data.audio import read_wav, resample
from experiments.harness import BadInput, flag
from experiments.shared.answering import Format, round_up
from experiments.shared.recognition.alignment import make_align
from experiments.shared.recognition.examples import scale
from experiments.shared.recognition.writing import decode, make_search
from experiments.shared.trained import Trained
from experiments.speech_recognition.recordings import frames_of, read_folder
from experiments.speech_recognition.streaming import Listener

FULL_SCALE = 32768  # of 16-bit samples


@dataclasses.dataclass(frozen=True)
class TranscribeFlags:
    """The flags of `--transcribe`."""

    files: tyro.conf.Positional[tuple[Path, ...]] = flag(
        (), "WAV files; none: raw samples from standard input, 16 bits, little-endian"
    )
    sample_rate: int | None = flag(
        None, "samples per second of standard input; none: those of the run", minimum=1
    )
    chunk_seconds: float = flag(0.1, "seconds of standard input that are read at once")
    beam_size: int = flag(1, "hypotheses of the search, for files; 1: greedy")
    format: Format = flag(
        "text", "text: name, tab and text per file; jsonl: a JSON object per file"
    )

    def __post_init__(self):
        """Checks the numbers."""
        for name in ("sample_rate", "chunk_seconds", "beam_size"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be positive, got {value}.")


def make_transcribe(trained: Trained, beam_size: int = 1) -> Callable[..., str]:
    """Makes `transcribe(samples)`, the text of a sound of the run's sample rate."""
    module, config, symbols = trained
    search = make_search(module, beam_size=beam_size)
    params = nnx.as_pure(nnx.state(module))

    def transcribe(samples: np.ndarray) -> str:
        values = scale(frames_of(samples, config), symbols)
        length = round_up(len(values))
        frames = np.zeros((1, length, values.shape[1]), np.float32)
        frames[0, : len(values)] = values
        mask = np.arange(length)[None] < len(values)
        tokens, lengths = jax.device_get(search(params, frames, mask))
        return decode(tokens, lengths, symbols)[0]

    return transcribe


def transcribe_files(trained: Trained, flags: TranscribeFlags, output: TextIO) -> int:
    """Writes the text of each file; returns the number of those that are bad."""
    transcribe = make_transcribe(trained, flags.beam_size)
    num_bad = 0
    for path in flags.files:
        try:
            text = transcribe(read_wav(path, trained.config.sample_rate))
            line, fields = f"{path.name}\t{text}", {"text": text}
        except (BadInput, OSError) as error:
            num_bad += 1
            message = " ".join(str(error).split())
            line, fields = f"error: {message}", {"error": message}
        if flags.format == "jsonl":
            line = json.dumps({"file": str(path), **fields}, ensure_ascii=False)
        print(line, file=output, flush=True)
    return num_bad


def transcribe_stream(
    trained: Trained, flags: TranscribeFlags, source: BinaryIO, output: TextIO
) -> None:
    """Writes the text of raw samples, as it comes if the recognizer is causal.

    One that reads in both directions must hear the end first.

    Raises:
      BadInput: if there is no sample, or the stream ends within one.
    """
    rate = flags.sample_rate or trained.config.sample_rate
    chunks = read_samples(source, max(1, round(flags.chunk_seconds * rate)))
    if trained.module.layer.step is not None:
        listener = Listener(trained, rate)
        for samples in chunks:
            print(listener.feed(samples), end="", file=output, flush=True)
        print(listener.finish(), file=output, flush=True)
        return
    sounds = [*chunks]
    if not sounds:
        raise BadInput("standard input must hold a sample, got none.")
    samples = resample(np.concatenate(sounds), rate, trained.config.sample_rate)
    text = make_transcribe(trained, flags.beam_size)(samples)
    print(text, file=output, flush=True)


def read_samples(source: BinaryIO, number: int) -> Iterator[np.ndarray]:
    """Yields raw 16-bit samples, full scale at ±1, up to `number` at a time.

    Raises:
      BadInput: if the stream ends within a sample.
    """
    place, rest = 0, b""
    while content := source.read1(2 * number):  # pyright: ignore  not of every stream
        place += len(content)
        content = rest + content
        whole = len(content) // 2 * 2
        rest = content[whole:]
        yield np.frombuffer(content[:whole], "<i2").astype(np.float32) / FULL_SCALE
    if rest:
        raise BadInput("standard input must end with a whole sample.", byte=place)


@dataclasses.dataclass(frozen=True)
class AlignFlags:
    """The flags of `--align`."""

    folder: tyro.conf.Positional[Path] = flag(
        tyro.MISSING, "folder of WAV files, and transcripts.tsv with their texts"
    )


def align_folder(trained: Trained, flags: AlignFlags, output: TextIO) -> int:
    """Writes name, begin, end and word, with tabs between them, for every word.

    Begin and end are in seconds.

    Returns:
      The number of recordings that could not be aligned.
    """
    module, config, symbols = trained
    align = make_align(module, symbols)
    params: Any = nnx.as_pure(nnx.state(module))
    seconds = config.hop_seconds * config.subsampling
    num_bad = 0
    for example in read_folder(flags.folder, config).examples:
        try:
            words = align(params, example)
        except BadInput as error:
            num_bad += 1
            print(f"error: {error}", file=sys.stderr, flush=True)
            continue
        for word, begin, end in words:
            times = f"{begin * seconds:.2f}\t{end * seconds:.2f}"
            print(f"{example.name}\t{times}\t{word}", file=output, flush=True)
    return num_bad
