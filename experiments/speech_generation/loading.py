"""The sounds of every data set, in parts, and what numbers stand for."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments.data import lookup
from experiments.data.audio import log_mel, read_wav
from experiments.data.registry import dataset as registered
from experiments.data.splits import Part, part_of_line
from experiments.data.spoken_digits import TAKES, list_spoken_digits
from experiments.data.spoken_digits import Part as Takes
from experiments.data.spoken_folder import TRANSCRIPTS, Recording, read_spoken_folder
from experiments.data.vocabulary import Vocabulary
from experiments.harness import BadInput, TrainingConfig, flag
from experiments.speech_generation.vowels import make_vowels

DIGITS = "zero one two three four five six seven eight nine".split()
VOWELS = (400, 40, 40)
NOBODY = "someone"  # the speaker of folders


@dataclasses.dataclass(frozen=True)
class SoundFlags(TrainingConfig):
    """The flags that say what is learned, and how it is heard."""

    output: Literal["frames", "samples"] = flag(
        "frames",
        "frames: log-mel frames from the characters of a text, by attention; samples: "
        "one sample after the other, given one of the texts that were learned",
    )
    dataset: Literal["vowels", "fsdd"] = flag(
        "vowels", "data set: vowels made by formula, or spoken digits"
    )
    data_path: Path | None = flag(
        None, f"folder of your own: WAV files, and {TRANSCRIPTS} with their texts"
    )
    encoding: str = flag("utf-8", "encoding of your transcript file")
    sample_rate: int = flag(
        8000, "samples per second to which recordings are brought", minimum=1000
    )
    num_mels: int = flag(40, "frequency bands of a frame", minimum=1)
    hop_seconds: float = flag(0.010, "seconds from one frame to the next")

    def __post_init__(self):
        """Checks flags that depend on each other."""
        super().__post_init__()
        if not 0 < self.hop_seconds <= 0.0125:
            raise ValueError(
                "hop_seconds must be more than 0 and at most 0.0125, half the length "
                f"of a frame, got {self.hop_seconds}."
            )


class Sound(NamedTuple):
    """A recording and who speaks."""

    recording: Recording
    speaker: str


class Parts(NamedTuple):
    """Sounds for training, validation and test.

    Attributes:
      train, validation, test: the sounds.
      digests: SHA-256 of the data, by name.
    """

    train: list[Sound]
    validation: list[Sound]
    test: list[Sound]
    digests: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What the numbers of a generator stand for.

    Attributes:
      vocabulary: the characters of the training texts, behind the speakers.
      texts: the training texts.
      speakers: who speaks.
      mean: what is subtracted from each band of a frame.
      scale: what it is divided by then.
      most_frames: the frames of the longest training sound.
      seconds: the mean length of the sounds of each text.
    """

    vocabulary: Vocabulary
    texts: tuple[str, ...]
    speakers: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    most_frames: int
    seconds: tuple[float, ...]

    def encode(self, text: str, speaker: str) -> np.ndarray:
        """Turns a text into numbers `[1 + num_characters]`, the speaker first.

        Raises:
          BadInput: if it is empty, or a character or the speaker was never learned.
        """
        self._check_speaker(speaker)
        if not text:
            raise BadInput("the text must hold a character, got none.")
        for character in text:
            if character not in self.vocabulary:
                raise BadInput(
                    f"the text must be of characters that were learned, got "
                    f"{character!r} in {text!r}."
                )
        return self.vocabulary.encode([mark(speaker), *text])

    def labels(self, text: str, speaker: str) -> np.ndarray:
        """Returns the numbers of a text and of a speaker, `[2]` int32.

        Raises:
          BadInput: if one of them was never learned.
        """
        self._check_speaker(speaker)
        if text not in self.texts:
            raise BadInput(
                f"the text must be one that was learned as a whole, got {text!r}."
            )
        found = self.texts.index(text), self.speakers.index(speaker)
        return np.array(found, np.int32)

    def _check_speaker(self, speaker: str) -> None:
        if speaker not in self.speakers:
            names = ", ".join(self.speakers)
            raise BadInput(f"the speaker must be of {names}, got {speaker!r}.")


def mark(speaker: str) -> str:
    """Returns the symbol of a speaker; no character is equal to it."""
    return f"<{speaker}>"


def frames_of(samples: np.ndarray, flags: SoundFlags) -> np.ndarray:
    """Returns the frames of a sound, `[num_frames, num_mels]`."""
    return log_mel(
        samples,
        flags.sample_rate,
        num_mels=flags.num_mels,
        hop_seconds=flags.hop_seconds,
    )


def make_symbols(train: Sequence[Sound], flags: SoundFlags) -> Symbols:
    """Numbers the symbols, and measures the bands, of the training part alone."""
    speakers = sorted({one.speaker for one in train})
    texts = sorted({one.recording.text for one in train})
    characters = sorted(set("".join(texts)))
    frames = [frames_of(one.recording.samples, flags) for one in train]
    joined = np.concatenate(frames).astype(np.float64)
    scale = joined.std(axis=0)
    lengths: dict[str, list[int]] = {text: [] for text in texts}
    for one in train:
        lengths[one.recording.text].append(len(one.recording.samples))
    seconds = [float(np.mean(lengths[text])) / flags.sample_rate for text in texts]
    return Symbols(
        Vocabulary((*map(mark, speakers), *characters)),
        tuple(texts),
        tuple(speakers),
        tuple(joined.mean(axis=0).tolist()),
        tuple(np.where(scale > 0, scale, 1).tolist()),
        max(map(len, frames)),
        tuple(seconds),
    )


def load_sounds(flags: SoundFlags) -> Parts:
    """Loads the sounds of the flags.

    Vowels are of one text each for `samples`. Of the digits, the generator's takes
    train; the first five of each speaker, as their authors say, test, and the next five
    validate. A folder is split 80/10/10 by a checksum of its files' names.

    Raises:
      BadInput: if a file cannot be read, or a part would be empty.
      MissingData: if the data set is not on this machine.
    """
    if flags.data_path is not None:
        recordings, digest = read_spoken_folder(
            flags.data_path, flags.sample_rate, flags.encoding
        )
        parts: dict[Part, list[Sound]] = {"train": [], "validation": [], "test": []}
        for one in recordings:
            parts[part_of_line(one.name)].append(Sound(one, NOBODY))
        for name, part in parts.items():
            if not part:
                message = f"there are too few recordings: none is for {name}."
                raise BadInput(message, flags.data_path)
        return Parts(**parts, digests={str(flags.data_path): digest})
    if flags.dataset == "vowels":
        longest = 1 if flags.output == "samples" else 3
        made = make_vowels(0, sum(VOWELS), flags.sample_rate, longest)
        sounds = [Sound(*one) for one in made]
        first, second = VOWELS[0], VOWELS[0] + VOWELS[1]
        return Parts(sounds[:first], sounds[first:second], sounds[second:], {})
    paths = lookup.find("fsdd", flags.data_dir)
    by_part: dict[Takes, list[Sound]] = {"generator": [], "validation": [], "test": []}
    for one in list_spoken_digits(paths.values()):
        for part, sounds in by_part.items():
            if one.take in TAKES[part]:
                samples = read_wav(one.file, flags.sample_rate)
                text = DIGITS[int(one.digit)]
                recording = Recording(samples, text, one.file.name)
                sounds.append(Sound(recording, one.speaker))
    train, validation, test = by_part.values()
    return Parts(train, validation, test, registered("fsdd").digests)
