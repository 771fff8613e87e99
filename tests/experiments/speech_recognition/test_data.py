"""Made tunes, strings of digits, phonemes, and distorted frames."""

import numpy as np

from experiments.data.spoken_digits import TAKES, SpokenDigit
from experiments.speech_recognition.loading import DIGITS, make_strings
from experiments.speech_recognition.made import NOTES, made_tunes
from experiments.speech_recognition.recordings import SpeechFlags
from tests.experiments.speech_recognition.test_main import write_wav

RATE = 8000


def test_notes_are_heard_at_their_times():
    for tune in made_tunes(3, 6, RATE):
        assert 3 <= len(tune.notes) <= 8 and len(tune.notes) == len(tune.times)
        for note, (begin, end) in zip(tune.notes, tune.times):
            piece = tune.samples[round(begin * RATE) : round(end * RATE)]
            spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 4 * RATE))
            frequencies = np.arange(len(spectrum)) / 4
            # The harmonic that is the loudest one is 1, 2 or 3 times the note.
            loudest = frequencies[spectrum.argmax()]
            orders = loudest / NOTES[note]
            assert min(abs(orders - np.array([1, 2, 3]))) < 0.07
    first, again = (made_tunes(3, 2, RATE)[1].samples for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_the_takes_of_parts_do_not_overlap():
    takes = [take for part in TAKES.values() for take in part]
    assert sorted(takes) == list(range(50))


def test_strings_are_of_one_speaker_and_one_part(tmp_path):
    spoken = []
    for speaker, level in (("ann", 0.25), ("bo", 0.5)):
        for take in (0, 5, 12):
            file = tmp_path / f"4_{speaker}_{take}.wav"
            write_wav(file, np.full(400 + 10 * take, level))
            spoken.append(SpokenDigit("4", speaker, take, file))
    for one in make_strings(spoken, "strings", 5, SpeechFlags()):
        words = one.text.split()
        assert set(words) == {DIGITS[4]} and 3 <= len(words) <= 7
        assert one.name.rpartition(" ")[2] in ("ann", "bo")
        # Digits of 520 samples, take 12 alone, with pauses of 160 to 1600 samples.
        seconds = len(one.values) * 0.010
        assert 0.085 * len(words) - 0.02 < seconds < 0.266 * len(words) + 0.02
