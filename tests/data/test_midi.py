"""MIDI files as piano rolls, and back."""

import mido
import numpy as np
import pytest

from experiments.data import midi
from experiments.data.midi import read_midi, write_midi
from experiments.harness.errors import BadInput

C, E, TOP = 60, 64, 108


def random_roll(num_frames, seed=0):
    return np.random.default_rng(seed).uniform(size=(num_frames, 88)) < 0.1


def chunk(name, content):
    return name + len(content).to_bytes(4, "big") + content


def midi_bytes(*tracks, division=4, kind=1):
    """Makes a MIDI file as in the standard, with `division` ticks per beat."""
    header = b"".join(x.to_bytes(2, "big") for x in (kind, len(tracks), division))
    return chunk(b"MThd", header) + b"".join(
        chunk(b"MTrk", bytes(events) + bytes([0, 0xFF, 0x2F, 0])) for events in tracks
    )


@pytest.fixture
def read(tmp_path):
    """Reads the content of a file at two frames per beat."""
    path = tmp_path / "x.mid"
    return lambda content: path.write_bytes(content) and read_midi(path, 2)


@pytest.fixture
def frames_down(read):
    """Reads the tracks of a file, and returns the frames of each key that is down."""

    def frames_down(*tracks, **options):
        roll = read(midi_bytes(*tracks, **options)).roll
        keys = np.flatnonzero(roll.any(axis=0))
        return {int(k) + 21: np.flatnonzero(roll[:, k]).tolist() for k in keys}

    return frames_down


@pytest.mark.parametrize("frames_per_beat", [1, 2, 7])
def test_a_roll_survives_its_midi_file(tmp_path, frames_per_beat):
    roll = random_roll(23)
    roll[-2:] = False  # silence at the end stays too
    path = tmp_path / "a.mid"
    path.write_bytes(write_midi(roll, frames_per_beat))
    np.testing.assert_array_equal(read_midi(path, frames_per_beat).roll, roll)


def test_events_of_tracks(frames_down):
    events = (
        [0, 0x90, C, 64]  # beat 0: C down
        + [0, 0x99, 35, 64]  # a drum
        + [2, 0x90, E, 64]  # beat 1/2: E down
        + [0, 0xF0, 2, 0x80, 0xF7]  # a system message, skipped by its length
        + [1, 0x90, E, 0]  # beat 3/4: E up, by velocity 0
        + [5, C, 90]  # beat 2: C struck again, by running status
        + [4, 0x80, C, 0]  # beat 3: C up
        + [0, 0x91, TOP, 1]  # the highest key, never released
        + [2, 0xFF, 0x01, 1, 65]  # a text, half a beat later
    )
    assert frames_down(events) == {C: [*range(6)], E: [1], TOP: [6]}
    # Note 72 lasts four beats in one track and one beat in another.
    for on, off in ((0x90, 0x80), (0x91, 0x81)):
        tracks = [0, 0x90, 72, 64, 16, 0x80, 72, 0], [0, on, 72, 64, 4, off, 72, 0]
        assert frames_down(*tracks) == {72: list(range(8))}
        assert frames_down(*tracks[::-1]) == {72: list(range(8))}


@pytest.mark.parametrize(
    ("events", "frames"),
    [
        # C begins at beats 0 and 1 and ends twice, at beats 2 and 3
        ([0, 0x90, C, 9, 4, C, 9, 4, C, 0, 4, C, 0], range(6)),
        # it ends at beat 1 and 2, before and while it is struck again for beat 3
        ([0, 0x90, C, 9, 4, C, 0, 4, C, 9, 4, C, 0], [0, 1, 4, 5]),
        # struck twice and released once, then silence for a beat
        ([0, 0x90, C, 9, 4, C, 9, 4, C, 0, 4, 0xFF, 1, 0], range(4)),
        # released, then struck and held to the end
        ([0, 0x90, C, 9, 4, C, 0, 4, C, 9, 4, 0xFF, 1, 0], [0, 1, 4, 5]),
        # a note-off without a note
        ([0, 0x80, C, 0, 0, 0x90, C, 9, 4, C, 0], range(2)),
    ],
)
def test_each_note_off_ends_the_oldest_note(frames_down, events, frames):
    assert frames_down(events) == {C: list(frames)}
    a_quarter_of_a_frame = [0, 0x90, C, 64, 1, 0x80, C, 0]
    assert frames_down(a_quarter_of_a_frame, division=8) == {C: [0]}


def test_voices_are_those_that_mido_writes(tmp_path):
    """A chorale of four voices in four tracks, all on one channel."""
    rng, path = np.random.default_rng(0), tmp_path / "chorale.mid"
    file, expected = mido.MidiFile(ticks_per_beat=4), np.zeros((60, 88), bool)
    for _ in range(4):
        track, now = file.add_track("voice"), 0
        for length in rng.integers(1, 4, size=20):
            note = int(rng.integers(60, 64))
            expected[now : now + length, note - 21] = True
            now += int(length)
            track.append(mido.Message("note_on", note=note, time=0))
            time = 2 * int(length)  # two ticks are a frame
            track.append(mido.Message("note_off", note=note, time=time))
    file.save(path)
    roll = read_midi(path, 2).roll
    assert len(roll) > 30
    np.testing.assert_array_equal(roll, expected[: len(roll)])
    assert not expected[len(roll) :].any()


def test_unused_parts_of_a_file_may_be_wrong_and_what_is_left_out_is_counted(read):
    note = bytes([0, 0x90, C, 64, 4, 0x80, C, 0])
    plain = read(midi_bytes(note)).roll
    no_such_key = bytes([0, 0xFF, 0x59, 2, 99, 7])
    np.testing.assert_array_equal(read(midi_bytes(no_such_key + note)).roll, plain)
    header, track = midi_bytes(note)[:14], midi_bytes(note)[14:]
    content = header + chunk(b"XFIH", b"MTrk and more") + track + b"more"
    np.testing.assert_array_equal(read(content).roll, plain)
    found = read(midi_bytes([0, 0x90, 20, 64, 0, 109, 64, 0, C, 200, 4, C, 0]))
    assert (found.num_outside, found.num_clipped) == (2, 1)
    np.testing.assert_array_equal(found.roll, plain)


REFUSED = {
    b"MTxd and more": (2, "must be a MIDI file, got byte 0x78."),
    b"MT": (2, "must be a MIDI file, got the end of the file."),
    midi_bytes(b"")[:-6]: (20, "must be a MIDI file, got the end of the file."),
    midi_bytes([0, 0x90, C])[:22] + b"": (22, "got the end of the file."),
    midi_bytes([0, 0xF4]): (23, "must be a MIDI file, got status byte 0xf4."),
    midi_bytes([0, C]): (23, "must be a MIDI file, got data without a status."),
    midi_bytes([0, 0xFF, 1, 9]): (30, "must be a MIDI file, got the end of the file."),
    midi_bytes(b""): (None, "must contain notes, got none."),
    midi_bytes([0, 0x99, 35, 64, 1, 36, 1]): (None, "got none, only 2 drum notes."),
    midi_bytes([0, 0x90, 20, 1]): (None, "from 21 to 108, the keys of a piano, got 20"),
    midi_bytes(b"", kind=2): (None, "must have simultaneous tracks timed in beats"),
    midi_bytes(b"", division=0xE728): (None, "got type 1 and division -6360."),
}


@pytest.mark.parametrize("content", REFUSED)
def test_what_is_no_music_is_refused_by_file_and_byte(tmp_path, read, content):
    byte, message = REFUSED[content]
    with pytest.raises(BadInput) as error:
        read(content)
    assert error.value.byte == byte
    assert str(tmp_path / "x.mid") in str(error.value) and message in str(error.value)


def test_no_damaged_file_gives_anything_but_bad_input(read):
    whole = bytearray(write_midi(random_roll(11), 2))
    rng, refused = np.random.default_rng(1), 0
    for _ in range(100):
        damaged = whole.copy()
        damaged[rng.integers(14, len(whole))] = rng.integers(256)
        try:
            read(damaged[: rng.integers(4, 2 * len(whole))])
        except BadInput:
            refused += 1
    assert refused > 30


def test_odd_files_of_a_folder_are_named_and_skipped(tmp_path):
    contents = {
        "a.mid": write_midi(random_roll(12), 2),
        "b/c.MIDI": midi_bytes([0, 0x90, C, 64, 4, C, 0, 0, 20, 200]),
        "b/d.mid": midi_bytes([0, 0x99, 35, 64]),
        "e.mid": b"MThx",
        "f.mid": write_midi(random_roll(1), 2),
        "g.txt": b"no music",
    }
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    paths = midi.find_midi_files(tmp_path)
    assert [str(p.relative_to(tmp_path)) for p in paths] == list(contents)[:-1]
    warnings: list[str] = []
    rolls = midi.read_midi_files(paths, 2, least_frames=2, warn=warnings.append)
    assert list(map(len, rolls)) == [12, 2]
    skipped, outside, clipped = warnings
    assert skipped.startswith("3 of 5 MIDI files skipped: ")
    for text in ("d.mid: must contain", "e.mid, byte 3: must be", "f.mid: must be at"):
        assert text in skipped
    assert outside == (
        "1 note outside the piano left out in 1 of 5 MIDI files: "
        f"{tmp_path / 'b/c.MIDI'}"
    )
    assert clipped.startswith("1 data byte over 127 read as 127 in 1 of 5 MIDI files")
    warnings.clear()
    midi.read_midi_files([paths[3]] * 9 + paths[:1], 2, warn=warnings.append)
    assert warnings[0].endswith("and 4 more") and warnings[0].count("e.mid") == 5
    with pytest.raises(BadInput, match="e.mid, byte 3: must be a MIDI file"):
        midi.read_midi_files(paths[3:], 2, least_frames=2, warn=warnings.append)
