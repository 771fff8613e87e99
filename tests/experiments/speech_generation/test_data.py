"""Made vowels, the parts of the digits, what numbers stand for, and bad input."""

import numpy as np
import pytest

from experiments.data.audio_writing import wav_bytes
from experiments.data.splits import part_of_line
from experiments.data.spoken_digits import SpokenDigit
from experiments.data.spoken_folder import Recording
from experiments.harness import BadInput
from experiments.speech_generation import loading, vowels
from experiments.speech_generation.batches import scale, unscale
from experiments.speech_generation.judging import check_known, share_named
from experiments.speech_generation.loading import Sound, SoundFlags, make_symbols
from tests.data.mutations import mutations

RATE = 8000
RNG = np.random.default_rng(0)


def sound(text, speaker, seconds=0.1, line=None):
    samples = RNG.normal(0, 0.1, round(seconds * RATE)).astype(np.float32)
    return Sound(Recording(samples, text, "a.wav", "t.tsv", line), speaker)


def test_vowels_are_read_as_they_are_made():
    made = vowels.make_vowels(1, 30, RATE)
    found = [vowels.read_vowels(one.samples, voice, RATE) for one, voice in made]
    assert found == [one.text for one, _ in made]
    assert {voice for _, voice in made} == set(vowels.VOICES)
    assert {len(one.text) for one, _ in made} == {1, 2, 3}


@pytest.mark.parametrize("vowel", "aeiou")
def test_a_vowel_has_its_formants(vowel):
    """Its harmonics are loudest near the first formant, of a voice's own pitch."""
    samples = vowels.say(vowel, "low", RATE)
    pause = round(vowels.PAUSE_SECONDS * RATE)
    inner = samples[pause : len(samples) - pause]
    assert not samples[:pause].any() and not samples[-pause:].any()
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner)), 8000))  # in Hz
    loudest = spectrum.argmax()
    pitch = vowels.VOICES["low"][0]
    assert abs(loudest / pitch - round(loudest / pitch)) < 0.03
    assert abs(loudest - vowels.FORMANTS[vowel][0]) < pitch


def test_parts_of_digits_do_not_overlap(tmp_path, monkeypatch):
    path = tmp_path / "one.wav"
    path.write_bytes(wav_bytes(np.zeros(200), RATE))
    spoken = [
        SpokenDigit(digit, speaker, take, path)
        for digit in "07"
        for speaker in ("jackson", "theo")
        for take in range(50)
    ]
    monkeypatch.setattr(loading.lookup, "find", lambda *arguments: {"one": path})
    monkeypatch.setattr(loading, "list_spoken_digits", lambda paths: spoken)
    parts = loading.load_sounds(SoundFlags(dataset="fsdd"))
    assert [len(part) for part in parts[:3]] == [4 * 11, 4 * 5, 4 * 5]
    assert {one.recording.text for one in parts.train} == {"zero", "seven"}


def test_numbers_and_lengths():
    train = [sound("ba", "x", 0.1), sound("ba", "y", 0.3), sound("c", "x", 0.2)]
    symbols = make_symbols(train, SoundFlags())
    assert symbols.vocabulary.symbols == ("<x>", "<y>", "a", "b", "c")
    assert symbols.encode("cab", "y").tolist() == [1, 4, 2, 3]
    assert symbols.labels("c", "y").tolist() == [1, 1]
    assert symbols.seconds == pytest.approx((0.2, 0.2))
    frames = np.concatenate(
        [loading.frames_of(one.recording.samples, SoundFlags()) for one in train]
    )
    scaled = scale(frames, symbols)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(unscale(scaled, symbols), frames, rtol=1e-4)


def test_what_was_never_learned_is_refused():
    symbols = make_symbols([sound("ba", "x")], SoundFlags())
    with pytest.raises(BadInput, match="characters that were learned, got 'q' in 'aq'"):
        symbols.encode("aq", "x")
    with pytest.raises(BadInput, match="the text must hold a character, got none"):
        symbols.encode("", "x")
    with pytest.raises(BadInput, match="the speaker must be of x, got 'z'"):
        symbols.encode("a", "z")
    with pytest.raises(BadInput, match="one that was learned as a whole, got 'a'"):
        symbols.labels("a", "x")
    with pytest.raises(BadInput, match="t.tsv, line 7: a.wav: the text must be of ch"):
        check_known(
            [[sound("ab", "x", line=6), sound("d", "x", line=7)]], symbols.encode
        )


def test_folders(tmp_path):
    for i in range(30):
        (tmp_path / f"{i}.wav").write_bytes(wav_bytes(RNG.uniform(-1, 1, 300), RATE))
    lines = [f"{i}\tword {i % 2}" for i in range(30)]
    (tmp_path / "transcripts.tsv").write_text("\n".join(lines))
    parts = loading.load_sounds(SoundFlags(data_path=tmp_path))
    sounds = [one for part in parts[:3] for one in part]
    assert {(one.recording.name, one.recording.text) for one in sounds} == {
        (f"{i}.wav", f"word {i % 2}") for i in range(30)
    }
    (tmp_path / "30.wav").write_bytes(wav_bytes(np.zeros(9), RATE))
    with pytest.raises(BadInput, match="30.wav: the recording must have a line in"):
        loading.load_sounds(SoundFlags(data_path=tmp_path))
    (tmp_path / "30.wav").unlink()
    (tmp_path / "4.wav").unlink()
    with pytest.raises(BadInput, match="line 5: 4 must be a recording of the folder"):
        loading.load_sounds(SoundFlags(data_path=tmp_path))
    (tmp_path / "transcripts.tsv").write_text("5\tword")
    for i in range(30):
        if i != 5:
            (tmp_path / f"{i}.wav").unlink(missing_ok=True)
    with pytest.raises(BadInput, match="too few recordings: none is for"):
        loading.load_sounds(SoundFlags(data_path=tmp_path))
    with pytest.raises(BadInput, match="there is no such folder"):
        loading.load_sounds(SoundFlags(data_path=tmp_path / "nowhere"))


@pytest.mark.parametrize("number", [60, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("damaged", ["transcripts.tsv", "train.wav"])
def test_damaged_folders_are_bad_input(tmp_path, number, damaged):
    names = {part_of_line(f"{i}.wav"): i for i in range(40)}
    assert set(names) == {"train", "validation", "test"}
    for i in names.values():
        (tmp_path / f"{i}.wav").write_bytes(wav_bytes(RNG.uniform(-1, 1, 300), RATE))
    lines = [f"{i}\tbé c\n" for i in names.values()]
    (tmp_path / "transcripts.tsv").write_text("".join(lines), encoding="utf-8")
    path = tmp_path / damaged.replace("train", str(names["train"]))
    flags, num_bad = SoundFlags(data_path=tmp_path), 0
    for content in mutations(path.read_bytes(), np.random.default_rng(0), number):
        path.write_bytes(content)
        try:
            parts = loading.load_sounds(flags)
            symbols = make_symbols(parts.train, flags)
            check_known([parts.validation, parts.test], symbols.encode)
        except BadInput as error:
            num_bad += 1
            assert str(tmp_path) in str(error)
    assert number // 10 < num_bad < number


def test_flags():
    with pytest.raises(ValueError, match="hop_seconds must be more than 0 and at most"):
        SoundFlags(hop_seconds=0.02)


def test_share_named():
    assert share_named(["a", "b", ""], ["a", "c", "d"]) == pytest.approx(1 / 3)
