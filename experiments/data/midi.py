"""MIDI files as piano rolls, and piano rolls as MIDI files."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np

from experiments.data.midi_events import Note, Song, read_song
from experiments.harness.errors import BadInput

LOWEST_NOTE = 21  # MIDI number of the lowest key of a piano
NUM_KEYS = 88
TICKS_PER_BEAT = 480
SUFFIXES = (".mid", ".midi")
MOST_NAMES = 5  # file names in a warning


class Reading(NamedTuple):
    """One MIDI file.

    Attributes:
      roll: `[num_frames, 88]` bool, from the lowest key of a piano to the highest.
      num_outside: notes left out because no piano has them.
      num_clipped: data bytes over 127, read as 127.
    """

    roll: np.ndarray
    num_outside: int
    num_clipped: int


def read_midi(path: Path, frames_per_beat: int) -> Reading:
    """Reads a MIDI file as a piano roll.

    A key is down while any voice holds it, from the frame nearest to the beginning of a
    note to the frame nearest to its end, for at least one frame. Drums and notes
    outside the piano are left out; loudness, pedals, tempo and other metadata are
    ignored.

    Args:
      path: the file.
      frames_per_beat: frames per quarter note.

    Returns:
      The piano roll, and what had to be left out.

    Raises:
      BadInput: if the file is not a MIDI file (the error names the byte), if its tracks
        are independent or not timed in beats, or if it has no note on a piano.
    """
    song = read_song(path)
    if not song.notes:
        drums = f", only {song.num_drums:,} drum notes" if song.num_drums else ""
        raise BadInput(f"must contain notes, got none{drums}.", path)
    notes = [note for note in song.notes if 0 <= note.number - LOWEST_NOTE < NUM_KEYS]
    if not notes:
        raise BadInput(
            f"must contain notes from {LOWEST_NOTE} to {LOWEST_NOTE + NUM_KEYS - 1}, "
            f"the keys of a piano, got {song.notes[0].number}.",
            path,
        )
    roll = _to_roll(song, notes, frames_per_beat)
    return Reading(roll, len(song.notes) - len(notes), song.num_clipped)


def read_midi_files(
    paths: Iterable[Path],
    frames_per_beat: int,
    *,
    least_frames: int = 1,
    warn: Callable[[str], None],
) -> list[np.ndarray]:
    """Reads MIDI files, skipping those that are not readable.

    Args:
      paths: the files.
      frames_per_beat: frames per quarter note.
      least_frames: shorter files are skipped.
      warn: called with a line of text for each kind of problem, with the number of
        files and the names of the first of them.

    Returns:
      The piano rolls of the files that were read, in the order of `paths`.

    Raises:
      BadInput: if no file can be read; it is the error of the first one.
    """
    rolls: list[np.ndarray] = []
    errors: list[BadInput] = []
    outside: list[str] = []
    clipped: list[str] = []
    num_files = num_outside = num_clipped = 0
    for path in paths:
        num_files += 1
        try:
            found = read_midi(path, frames_per_beat)
            if (num_frames := len(found.roll)) < least_frames:
                raise BadInput(
                    f"must be at least {_count(least_frames, 'frame')} long, got "
                    f"{num_frames}.",
                    path,
                )
        except BadInput as error:
            errors.append(error)
            continue
        rolls.append(found.roll)
        num_outside += found.num_outside
        num_clipped += found.num_clipped
        outside += [str(path)] * bool(found.num_outside)
        clipped += [str(path)] * bool(found.num_clipped)
    if errors and not rolls:
        raise errors[0]
    if errors:
        names = _first([str(error).removesuffix(".") for error in errors])
        warn(f"{len(errors)} of {num_files} MIDI files skipped: {names}")
    if outside:
        warn(
            f"{_count(num_outside, 'note')} outside the piano left out in "
            f"{len(outside)} of {num_files} MIDI files: {_first(outside)}"
        )
    if clipped:
        warn(
            f"{_count(num_clipped, 'data byte')} over 127 read as 127 in "
            f"{len(clipped)} of {num_files} MIDI files: {_first(clipped)}"
        )
    return rolls


def find_midi_files(directory: Path) -> list[Path]:
    """Finds the MIDI files in a directory and the directories below it, sorted."""
    return sorted(
        path
        for path in directory.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )


def write_midi(roll: np.ndarray, frames_per_beat: int) -> bytes:
    """Writes a piano roll as a MIDI file.

    A roll does not tell a key that is held from one that is struck again; it is written
    as held.

    Args:
      roll: `[num_frames, 88]` bool.
      frames_per_beat: frames per quarter note.

    Returns:
      The content of the file.
    """
    edges = np.diff(np.pad(roll.astype(np.int8), ((1, 1), (0, 0))), axis=0)
    track, now = mido.MidiTrack(), 0
    for frame, key in np.argwhere(edges):
        time = round(int(frame) * TICKS_PER_BEAT / frames_per_beat)
        kind = "note_on" if edges[frame, key] > 0 else "note_off"
        note = LOWEST_NOTE + int(key)
        track.append(mido.Message(kind, note=note, velocity=64, time=time - now))
        now = time
    end = round(len(roll) * TICKS_PER_BEAT / frames_per_beat)
    track.append(mido.MetaMessage("end_of_track", time=end - now))
    content = io.BytesIO()
    mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT, tracks=[track]).save(file=content)
    return content.getvalue()


def _to_roll(song: Song, notes: list[Note], frames_per_beat: int) -> np.ndarray:
    """Marks the frames of all notes, one frame of each at least."""

    def frame(ticks):
        return round(ticks * frames_per_beat / song.ticks_per_beat)

    spans = [
        (frame(note.start), max(frame(note.start) + 1, frame(note.stop)))
        for note in notes
    ]
    num_frames = max(frame(song.end), *(stop for _, stop in spans))
    roll = np.zeros((num_frames, NUM_KEYS), bool)
    for note, (start, stop) in zip(notes, spans, strict=True):
        roll[start:stop, note.number - LOWEST_NOTE] = True
    return roll


def _first(texts: list[str]) -> str:
    more = f", and {len(texts) - MOST_NAMES} more" if len(texts) > MOST_NAMES else ""
    return "; ".join(texts[:MOST_NAMES]) + more


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
