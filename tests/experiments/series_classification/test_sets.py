"""How the public data sets are split, on small files of their formats."""

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from experiments.data.audio import mu_law
from experiments.harness import BadInput
from experiments.series_classification import sets
from experiments.series_classification.series import SeriesFlags

RNG = np.random.default_rng(0)


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads a data set of files that the test has written."""

    def read(name, **flags):
        paths = {path.name: path for path in tmp_path.iterdir()}
        monkeypatch.setattr(sets.lookup, "find", lambda *_: paths)
        return sets.read_dataset(SeriesFlags(dataset=name, **flags))

    return read


def wav(num_samples=200):
    file = io.BytesIO()
    samples = RNG.integers(-999, 999, num_samples).astype(np.int16)
    wavfile.write(file, 8000, samples)
    return file.getvalue()


def test_japanese_vowels_validate_on_the_last_of_each_speaker(tmp_path, read):
    header = "@timeStamps false\n@classLabel true 1 2\n@data\n"
    lines = [f"{i},{i}:0,1:{1 + i % 2}" for i in range(20)]
    (tmp_path / "JapaneseVowels_TRAIN.ts").write_text(header + "\n".join(lines))
    (tmp_path / "JapaneseVowels_TEST.ts").write_text(header + "\n".join(lines[:3]))
    parts = read("japanese_vowels")
    first = [[one.values[0, 0] for one in part] for part in parts[:3]]
    assert first == [[*range(8)], [*range(8, 20)], [0, 1, 2]]
    assert parts.test[1].labels == ("2",) and len(parts.channels) == 2


def test_eeg_is_split_by_time_without_its_faults(tmp_path, read):
    rows = [f"{i % 7},{9000 if i == 41 else 1},{int(i > 60)}" for i in range(101)]
    header = "@ATTRIBUTE a NUMERIC\n@ATTRIBUTE b NUMERIC\n@ATTRIBUTE eye {0,1}\n@DATA\n"
    (tmp_path / "eeg_eye_state.arff").write_text(header + "\n".join(rows))
    parts = read("eeg_eye_state", window=16)
    steps = [np.concatenate([one.values for one in part]) for part in parts[:3]]
    assert [len(part) for part in steps] == [80, 10, 10]
    kept = [i % 7 for i in range(101) if i != 41]
    np.testing.assert_array_equal(np.concatenate(steps)[:, 0], kept)
    assert max(part[:, 1].max() for part in steps) == 1 and parts.by_step
    labels = [label for one in parts.train for label in one.labels]
    assert labels == ["open"] * 60 + ["closed"] * 20


def test_gestures_are_split_within_each_person_and_class(tmp_path, read):
    person, labels = np.repeat([0, 0, 1], 10), np.repeat([0, 1, 0], 10)
    clips = np.arange(30)[:, None, None] + np.zeros((1, 4, 3), int)
    names = np.array(["hello", "thanks"])
    arrays = {"person": person, "labels": labels, "label_names": names, "clips": clips}
    np.savez(tmp_path / "gestures_mit.npz", **arrays)
    parts = read("gestures")
    found = [[round(one.values[0, 0] * 2048) for one in part] for part in parts[:3]]
    place = np.arange(30) % 10
    for rows, of in zip(found, (place < 6, (place >= 6) & (place < 8), place >= 8)):
        assert rows == np.flatnonzero(of).tolist()
    assert parts.test[-1].labels == ("hello",) and parts.test[-1].group == "person 1"


@pytest.mark.parametrize("packed", [True, False])
def test_takes_of_digits(tmp_path, read, packed):
    names = [
        f"{d}_{s}_{t}.wav" for d in (3, 7) for s in ("ada", "bo") for t in range(12)
    ]
    folder = tmp_path / "recordings"
    if packed:
        for part, takes in (("0-9", range(10)), ("10-49", range(10, 50))):
            with zipfile.ZipFile(tmp_path / f"recordings_{part}.zip", "w") as archive:
                for name in names:
                    if int(name[:-4].split("_")[2]) in takes:
                        archive.writestr(f"recordings/{name}", wav())
        parts = read("fsdd")
    else:
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(wav())
        parts = read("fsdd", data_path=folder)
    for part, takes in zip(parts[:3], ({10, 11}, set(range(5, 10)), set(range(5)))):
        found = {tuple(one.name[:-4].split("_")) for one in part}
        expected = {(d, s, str(t)) for d in "37" for s in ("ada", "bo") for t in takes}
        assert found == expected and len(part) == len(expected)
        assert all(one.name.startswith(f"{one.labels[0]}_{one.group}") for one in part)


def test_a_recording_of_another_name(tmp_path, read):
    (tmp_path / "seven.wav").write_bytes(wav())
    with pytest.raises(BadInput, match="seven.wav: a file must be named by digit"):
        read("fsdd", data_path=tmp_path)


def test_speech_commands_have_folds_by_speaker(tmp_path, read):
    speakers = np.array([f"s{i}" for i in RNG.integers(12, size=60)] + ["bg"] * 10)
    labels = np.array(["yes", "no"] * 30 + ["_silence_"] * 10)
    arrays: dict[str, Any] = {"speakers": speakers, "labels": labels, "words": labels}
    arrays["lengths"] = np.full(70, 300)
    arrays["audio"] = mu_law(RNG.uniform(-1, 1, 70 * 300)).astype(np.uint8)
    np.savez(tmp_path / "speech_commands_dev_8k_mulaw.npz", **arrays)
    tests, validations = [], []
    for fold in range(5):
        parts = read("speech_commands", fold=fold)
        groups = [{one.group for one in part} - {"bg"} for part in parts[:3]]
        assert len(set.union(*groups)) == sum(map(len, groups))
        for part, number in zip(parts[:3], (6, 2, 2)):
            assert sum(one.labels == ("_silence_",) for one in part) == number
        tests.append({one.name for one in parts.test})
        validations.append({one.name for one in parts.validation})
    assert validations == tests[1:] + tests[:1]
    assert len(set.union(*tests)) == sum(map(len, tests)) == 70


def test_proteins_are_kept_once_and_split_by_sequence(tmp_path, read):
    chains = ["".join(RNG.choice(list("ACDXW"), size=9)) for _ in range(20)]
    rows = [f"{chain}\t{'CHE' * 3}\t-\t{'1' * 9}" for chain in chains + chains[:7]]
    (tmp_path / "cb513.tsv").write_text("\n".join(["seq\tdssp3\tdssp8\tmask", *rows]))
    tests = []
    for fold in range(5):
        parts = read("cb513", fold=fold)
        found = [[one.name.split(", ")[1] for one in part] for part in parts[:3]]
        assert sorted(sum(found, [])) == sorted(set(chains))
        tests += found[2]
    assert sorted(tests) == sorted(set(chains))
    one = parts.train[0]
    residues = [*sets.RESIDUES, "X"]
    assert "".join(residues[i] for i in one.values.argmax(axis=1)) in one.name
    assert one.labels == tuple("CHE" * 3)
