"""Made tunes, strings of digits, phonemes, and distorted frames."""

import numpy as np

from experiments.data.spoken_digits import TAKES, SpokenDigit
from experiments.speech_recognition.loading import DIGITS, make_strings
from experiments.speech_recognition.made import NOTES, made_tunes
from experiments.speech_recognition.stringing import cut_words, string
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
    for speaker, (samples, words, times) in make_strings(spoken, "strings", 5, RATE):
        assert set(words) == {DIGITS[4]} and 3 <= len(words) == len(times) <= 7
        # Digits of 520 samples, take 12 alone, with pauses of 160 to 1600 samples.
        ends = [0, *(end for _, end in times), len(samples)]
        for (begin, end), before in zip(times, ends):
            assert end - begin == 520 and (not before or 160 <= begin - before < 1600)
            level = dict(ann=0.25, bo=0.5)[speaker]
            np.testing.assert_allclose(samples[begin:end], level, atol=1e-4)
            assert not samples[before:begin].any()


def speak(rate, plan):
    """Makes a recording of words (amplitude) and silences (0), seconds long each."""
    rng = np.random.default_rng(0)
    sounds = [level * rng.normal(size=round(s * rate)) for level, s in plan]
    return np.concatenate(sounds).astype(np.float32) + 1e-3


def test_recordings_are_cut_between_their_words():
    plan = [(0, 0.4), (0.3, 0.3), (0, 0.3), (0.2, 0.5), (0, 0.06), (0.3, 0.2), (0, 0.5)]
    plan += [(0.3, 0.02), (0, 0.4), (0.1, 0.4), (0, 0.2)]  # a click is no word
    samples = speak(RATE, plan)
    cuts = cut_words(samples, RATE, 3)
    assert cuts is not None
    np.testing.assert_array_equal(np.concatenate(cuts), samples)
    ends = np.cumsum([len(cut) for cut in cuts]) / RATE
    np.testing.assert_allclose(ends, [0.85, 2.22, len(samples) / RATE], atol=0.06)
    assert cut_words(samples, RATE, 4) is None and cut_words(samples, RATE, 2) is None
    assert cut_words(np.zeros(99, np.float32), RATE, 1) is None


def test_strings_are_of_the_pieces():
    pieces = [("a", np.full(3, 1.0)), ("b", np.full(5, 2.0)), ("c", np.full(2, 3.0))]
    seen = set()
    for seed in range(30):
        samples, words, times = string(
            np.random.default_rng(seed), pieces, (2, 3), (1, 4)
        )
        assert 2 <= len(words) <= 3
        lengths = dict(a=3, b=5, c=2)
        place = 0
        for word, (begin, end) in zip(words, times, strict=True):
            assert (begin, end) == (place, place + lengths[word])
            here = samples[begin:end]
            assert (here == "abc".index(word) + 1).all()
            place += lengths[word]
            pause = np.argmax(np.append(samples[place:], 9) != 0)
            assert 1 <= pause < 4
            place += pause
        assert place == len(samples)
        seen |= {tuple(words)}
    assert len(seen) > 15
