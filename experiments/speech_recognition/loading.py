"""The recordings of every data set, in parts."""

import io
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from experiments.data import lookup
from experiments.data.audio import inverse_mu_law, read_wav, resample
from experiments.data.lookup import AnyPath
from experiments.data.registry import dataset as registered
from experiments.data.splits import Part, part_of_line
from experiments.data.spoken_digits import TAKES, SpokenDigit, list_spoken_digits
from experiments.data.spoken_digits import Part as Takes
from experiments.harness import BadInput
from experiments.shared.recognition.examples import Example
from experiments.shared.recognition.parts import Parts
from experiments.speech_recognition.made import made_tunes
from experiments.speech_recognition.recordings import (
    SpeechFlags,
    frames_of,
    read_folder,
)
from experiments.speech_recognition.stringing import Piece, Strung, cut_words, string

PACKED_RATE = 8000  # samples per second
TUNES = (800, 100, 200)
YESNO = (26, 5)  # of 31 recordings to train on, the last 5 validate; 29 test
YESNO_STRINGS, YESNO_WORDS = 1000, (1, 4)
LOUDNESS, NOISE = (0.5, 1.5), (3e-4, 1e-2)  # factor; standard deviation, full scale 1
STRINGS: dict[Takes, int] = {"strings": 2500, "validation": 200, "test": 400}
STRING_DIGITS, STRING_PAUSE = (3, 7), (0.02, 0.2)
DIGITS = "zero one two three four five six seven eight nine".split()
TEST_VOICES = ("en-us+f4", "en-us+m7")
ESPEAK_VALIDATION = 30  # of the recordings of the other voices, the last


def load_recordings(flags: SpeechFlags) -> Parts:
    """Loads the recordings of the flags.

    Without a folder to validate on, the user's are split 80/10/10 by a checksum of
    their names.

    Raises:
      BadInput: if a file cannot be read, or a part would be empty.
      MissingData: if the data set is not on this machine.
    """
    if flags.data_path is not None:
        return _read_own(flags)
    if flags.dataset == "tunes":
        return _make_tunes(flags)
    paths = lookup.find(DATASETS[flags.dataset], flags.data_dir)
    train, validation, test = READERS[flags.dataset](flags, paths)
    digests = registered(DATASETS[flags.dataset]).digests
    return Parts(train, validation, test, digests)


def _make_tunes(flags: SpeechFlags) -> Parts:
    tunes = made_tunes(0, sum(TUNES), flags.sample_rate)
    examples = [
        _example(tune.samples, tune.notes, f"tune {i}", flags)
        for i, tune in enumerate(tunes)
    ]
    first, second = TUNES[0], TUNES[0] + TUNES[1]
    return Parts(examples[:first], examples[first:second], examples[second:], {})


def _read_own(flags: SpeechFlags) -> Parts:
    paths = (flags.data_path, flags.validation_path, flags.test_path)
    given = [path for path in paths if path is not None]
    folders = [read_folder(path, flags) for path in given]
    digests = {str(path): folder.digest for path, folder in zip(given, folders)}
    parts: dict[Part, list[Example]] = {"train": [], "validation": [], "test": []}
    if len(folders) > 1:
        parts |= {name: folder.examples for name, folder in zip(parts, folders)}
        return Parts(**parts, digests=digests)
    for one in folders[0].examples:
        parts[part_of_line(one.name)].append(one)
    for name, part in parts.items():
        if not part:
            message = f"there are too few recordings: none is for {name}."
            raise BadInput(message, flags.data_path)
    return Parts(**parts, digests=digests)


def _yesno(flags: SpeechFlags, paths: Mapping[str, AnyPath]) -> list[list[Example]]:
    """The order of the corpus: the first 31 train and validate, the others test.

    That order is one of texts: the first 31 begin with no, the others with yes. So that
    the place of a word says nothing, the words of the training recordings are cut out
    and strung together anew, beside the recordings themselves. Few of these have a
    noise that can be heard, so the strings get one, of any loudness.
    """
    arrays = _read_packed(paths["yesno_8k_mulaw.npz"])
    spoken = [
        (samples, ["yes" if word == "1" else "no" for word in text.split("_")])
        for samples, text in zip(_sounds(arrays, flags), arrays["texts"].tolist())
    ]
    examples = [
        _example(samples, words, f"recording {i}, {' '.join(words)}", flags)
        for i, (samples, words) in enumerate(spoken)
    ]
    first, second = YESNO[0], sum(YESNO)
    pieces = []
    for samples, words in spoken[:first]:
        # A recording whose words are not parted by silence stays whole.
        pieces += zip(words, cut_words(samples, flags.sample_rate, len(words)) or ())
    rng = np.random.default_rng(0)
    strung = []
    for i in range(YESNO_STRINGS):
        samples, words, _ = string(rng, pieces, YESNO_WORDS)
        level = np.exp(rng.uniform(*np.log(NOISE)))
        samples = rng.uniform(*LOUDNESS) * samples + rng.normal(0, level, len(samples))
        strung.append(_example(samples, words, f"string {i}", flags))
    return [examples[:first] + strung, examples[first:second], examples[second:]]


def _espeak(flags: SpeechFlags, paths: Mapping[str, AnyPath]) -> list[list[Example]]:
    """Two voices test; no text is spoken twice, so their texts are new as well."""
    arrays = _read_packed(paths["espeak_made_8k_mulaw.npz"])
    texts = arrays["texts"]
    if flags.chosen_units == "phonemes":
        texts = [_phonemes(text) for text in arrays["phonemes"].tolist()]
    rest, test = [], []
    rows = zip(_sounds(arrays, flags), texts, arrays["voices"].tolist())
    for i, (samples, text, voice) in enumerate(rows):
        name = f"phrase {i} by {voice}"
        one = Example(frames_of(samples, flags), str(text), name)
        (test if voice in TEST_VOICES else rest).append(one)
    return [rest[:-ESPEAK_VALIDATION], rest[-ESPEAK_VALIDATION:], test]


def _phonemes(text: str) -> str:
    """Returns the phonemes of espeak without the marks of stress.

    Example:
      >>> _phonemes("f_'aI_n_d f_'I_S")
      'f aI n d f I S'
    """
    names = (name.lstrip("',") for name in text.replace("_", " ").split())
    return " ".join(name for name in names if name)


def _fsdd_strings(
    flags: SpeechFlags, paths: Mapping[str, AnyPath]
) -> list[list[Example]]:
    """Strings of one speaker's digits, each from the takes of one part alone."""
    spoken = list_spoken_digits(paths.values())
    return [
        [
            _example(one.samples, one.words, f"{part} {i} by {speaker}", flags)
            for i, (speaker, one) in enumerate(
                make_strings(spoken, part, number, flags.sample_rate)
            )
        ]
        for part, number in STRINGS.items()
    ]


def make_strings(
    spoken: list[SpokenDigit], part: Takes, number: int, rate: int
) -> Iterator[tuple[str, Strung]]:
    """Puts digits together to strings of 3 to 7, with pauses between them.

    Args:
      spoken: the recordings.
      part: the part whose takes are used.
      number: number of strings.
      rate: samples per second.

    Yields:
      The speaker of all digits of a string, and the string.
    """
    rng = np.random.default_rng(0)
    by_speaker: dict[str, list[Piece]] = {}
    for one in spoken:
        if one.take in TAKES[part]:
            word = DIGITS[int(one.digit)]
            by_speaker.setdefault(one.speaker, []).append(
                (word, read_wav(one.file, rate))
            )
    speakers = sorted(by_speaker)
    pauses = STRING_PAUSE[0] * rate, STRING_PAUSE[1] * rate
    for _ in range(number):
        speaker = speakers[rng.integers(len(speakers))]
        yield speaker, string(rng, by_speaker[speaker], STRING_DIGITS, pauses)


def _example(samples, words, name, flags) -> Example:
    return Example(frames_of(samples, flags), " ".join(words), name)


def _read_packed(path: AnyPath) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as packed:
        return {name: packed[name] for name in packed.files}


def _sounds(arrays: Mapping[str, np.ndarray], flags: SpeechFlags) -> list[np.ndarray]:
    """Returns the sounds of packed recordings at the rate of the flags."""
    ends = np.cumsum(arrays["lengths"])
    return [
        resample(inverse_mu_law(levels), PACKED_RATE, flags.sample_rate)
        for levels in np.split(arrays["audio"], ends[:-1])
    ]


DATASETS = {"yesno": "yesno", "fsdd_strings": "fsdd", "espeak": "espeak"}
READERS: dict[str, Callable[..., list[list[Example]]]] = {
    "yesno": _yesno,
    "fsdd_strings": _fsdd_strings,
    "espeak": _espeak,
}
