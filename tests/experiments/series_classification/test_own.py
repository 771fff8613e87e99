"""Folders and files of the user's own."""

import numpy as np
import pytest
from scipy.io import wavfile

from experiments.data.audio import log_mel
from experiments.data.splits import part_of_line
from experiments.harness import BadInput
from experiments.series_classification.batches import load_series
from experiments.series_classification.own import read_folder, read_own
from experiments.series_classification.series import SeriesFlags
from tests.data.mutations import mutations

RNG = np.random.default_rng(0)
STEPS = [f"{i},{-i},{'ab'[i // 5 % 2]}" for i in range(100)]


def write_wavs(folder, number=4, rate=8000):
    for label in ("no", "yes"):
        (folder / label).mkdir(parents=True)
        for i in range(number):
            samples = RNG.integers(-9999, 9999, 300 + 80 * i).astype(np.int16)
            wavfile.write(folder / label / f"{i}.wav", rate, samples)


def write_tables(folder, number=3):
    for label in ("calm", "storm"):
        (folder / label).mkdir(parents=True)
        for i in range(number):
            rows = RNG.normal(size=(5 + i, 2)).round(3).tolist()
            text = "\n".join(["x,y", *(f"{x},{y}" for x, y in rows)])
            (folder / label / f"{i}.csv").write_text(text)


def test_a_folder_of_sounds(tmp_path):
    write_wavs(tmp_path)
    flags = SeriesFlags(num_mels=7, hop_seconds=0.02, sample_rate=4000)
    found = read_folder(flags, tmp_path)
    names = [f"{label}/{i}.wav" for label in ("no", "yes") for i in range(4)]
    assert [one.name for one in found.series] == names
    assert [one.labels for one in found.series] == [("no",)] * 4 + [("yes",)] * 4
    assert len(found.channels) == 7 and found.source == "audio"
    assert found.series[3].values.shape == (4, 7)  # 270 samples: 100, and 3 times 80
    flags = SeriesFlags(num_mels=7, hop_seconds=0.02)
    _, samples = wavfile.read(tmp_path / "yes" / "2.wav")
    expected = log_mel(samples / 32768, 8000, num_mels=7, hop_seconds=0.02)
    found = read_folder(flags, tmp_path).series[6].values
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_equal_files_are_in_one_part(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for i in range(60):
            (tmp_path / label / f"{i}.csv").write_text(f"x\n{i // 2}\n")
    flags = SeriesFlags()
    parts = read_own(flags, tmp_path)
    values = [{one.values.item() for one in part} for part in parts[:3]]
    assert [len(part) for part in parts[:3]] == [4 * len(v) for v in values]
    assert not values[0] & values[1] and not values[0] & values[2]
    assert min(map(len, values)) > 0 and len(values[0]) > len(values[1])


def test_given_parts(tmp_path):
    for name, number in (("a", 5), ("b", 2), ("c", 3)):
        write_tables(tmp_path / name, number)
    flags = SeriesFlags(
        data_path=tmp_path / "a",
        validation_path=tmp_path / "b",
        test_path=tmp_path / "c",
    )
    parts = load_series(flags)
    assert [len(part) for part in parts[:3]] == [10, 4, 6]
    assert parts.channels == ("x", "y") and not parts.by_step
    assert len(set(parts.digests.values())) == 3


def test_a_recording_with_a_label_per_step(tmp_path):
    path = tmp_path / "steps.csv"
    path.write_text("\n".join(["x,y,state", *STEPS]))
    flags = SeriesFlags(data_path=path, label_column="state", window=5)
    parts = load_series(flags)
    assert [len(part) for part in parts[:3]] == [16, 2, 2] and parts.by_step
    assert parts.train[1].labels == ("b",) * 5 and parts.channels == ("x", "y")
    assert parts.test[-1].name == "line 97 to line 101"
    np.testing.assert_array_equal(parts.test[0].values[:, 0], np.arange(90, 95))
    np.testing.assert_array_equal(parts.test[0].values[:, 1], -np.arange(90, 95))


def test_series_of_one_table(tmp_path):
    path = tmp_path / "series.csv"
    rows = [f"{k},s{k},{'ab'[k % 2]}" for k in range(60) for _ in range(1 + k % 3)]
    path.write_text("\n".join(["x,id,state", *rows]))
    flags = SeriesFlags(data_path=path, label_column="state", series_column="id")
    parts = load_series(flags)
    series = [one for part in parts[:3] for one in part]
    assert sorted(one.name for one in series) == sorted(f"s{k}" for k in range(60))
    for part, name in zip(parts[:3], ("train", "validation", "test")):
        for one in part:
            k = int(one.name[1:])
            assert part_of_line(one.name) == name and one.labels == ("ab"[k % 2],)
            np.testing.assert_array_equal(one.values, [[k]] * (1 + k % 3))


def bad_folder(folder, kind):
    write = write_wavs if kind == "wav" else write_tables
    write(folder, number=2)
    return folder


@pytest.mark.parametrize(
    ("kind", "file", "content", "message"),
    [
        (
            "wav",
            "yes/1.wav",
            b"no sound",
            "yes/1.wav: the file must be a whole WAV",
        ),
        ("wav", "yes/1.wav", b"", "yes/1.wav: the file must be a (whole )?WAV file"),
        ("wav", "yes/1.csv", b"x\n1\n", "1.csv: all files must be of one kind, as"),
        (
            "wav",
            "yes/notes.txt",
            b"a",
            "notes.txt: a file must end in .wav or",
        ),
        ("csv", "calm/1.csv", b"x,y\n1\n", "calm/1.csv, line 2: a row must have 2"),
        ("csv", "calm/1.csv", b"x,y\n1,o\n", "1.csv, line 2: column 'y' .* got 'o'"),
        (
            "csv",
            "calm/1.csv",
            b"x,y\n1,1e99\n",
            "1.csv, line 2: a value must be at",
        ),
        (
            "csv",
            "calm/1.csv",
            b"x,z\n1,2\n",
            "1.csv, line 1: the columns must be x, y",
        ),
        (
            "csv",
            "calm/1.csv",
            b"x,y\n1,\n",
            "line 2: .* missing value: ''; --fill says",
        ),
    ],
)
def test_bad_files_of_a_folder(tmp_path, kind, file, content, message):
    folder = bad_folder(tmp_path, kind)
    (folder / file).write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_folder(SeriesFlags(), folder)


def test_an_empty_class_and_no_class(tmp_path):
    with pytest.raises(BadInput, match="must hold a folder per class, got none"):
        read_folder(SeriesFlags(), tmp_path)
    write_tables(tmp_path)
    (tmp_path / "fog").mkdir()
    with pytest.raises(BadInput, match="fog: the class 'fog' must have a file, got"):
        read_folder(SeriesFlags(), tmp_path)


def test_a_label_never_seen(tmp_path):
    for name in ("a", "b"):
        write_tables(tmp_path / name)
    (tmp_path / "b" / "calm").rename(tmp_path / "b" / "fog")
    flags = SeriesFlags(data_path=tmp_path / "a", validation_path=tmp_path / "b")
    with pytest.raises(BadInput, match="label 'fog' of fog/0.csv is in no training"):
        load_series(flags)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("x,s\n1,a\n2,\n", {}, "line 3: a label must not be empty"),
        ("s\na\nb\n", {}, "line 1: there must be a column beside the label"),
        ("x,t\n1,a\n", {}, "line 1: the columns must include 's', got x, t"),
        ("x,s\n1,a\n2,b\n", {}, "too few pieces of 128 steps to be split, got 1"),
        (
            "x,s,k\n1,a,k\n2,b,k\n",
            {"series_column": "k"},
            "line 3: the series 'k'",
        ),
        (
            "x,s,k\n1,a,k\n2,b,l\n",
            {"series_column": "k"},
            "too few series: none",
        ),
        ("x,s\n1,a\n", {"label_column": None}, "label_column must be given for a CSV"),
    ],
)
def test_bad_tables(tmp_path, content, options, message):
    path = tmp_path / "t.csv"
    path.write_text(content)
    flags = SeriesFlags(data_path=path, **{"label_column": "s", **options})
    with pytest.raises(BadInput, match=message):
        load_series(flags)


@pytest.mark.parametrize("number", [60, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["wav", "csv"])
def test_mutated_folders_are_read_or_refused(tmp_path, kind, number):
    folder = bad_folder(tmp_path, kind)
    file = sorted(folder.glob("*/1.*"))[0]
    refused = 0
    for content in mutations(file.read_bytes(), np.random.default_rng(5), number):
        file.write_bytes(content)
        try:
            found = read_folder(SeriesFlags(), folder)
            assert all(np.isfinite(one.values).all() for one in found.series)
        except BadInput as error:
            refused += 1
            assert file.name in str(error)
    assert 0 < refused < number
