"""MIDI files as piano rolls, and piano rolls as MIDI files."""

import io
from pathlib import Path

import mido
import numpy as np

LOWEST_NOTE = 21  # MIDI's number of the lowest key of a piano
NUM_KEYS = 88
DRUMS = 9  # the channel on which notes are no pitches
HEADER = b"MThd"
TICKS_PER_BEAT = 480


def read_midi(path: Path, frames_per_beat: int) -> np.ndarray:
    """Reads a MIDI file as a piano roll.

    A key is down from the frame nearest to where its note begins to the one nearest to
    where it ends, for one frame at least. Drums are left out; loudness, pedals and the
    tempo are not looked at.

    Args:
      path: the file.
      frames_per_beat: frames of a quarter note.

    Returns:
      `[num_frames, 88]` bool, from the lowest key of a piano to the highest.

    Raises:
      ValueError: if the file is no MIDI file (it names the byte), if its tracks are not
        played together or not counted in beats, or if it has no note, or one that is on
        no piano.
    """
    file = _parse(path)
    if file.type == 2 or file.ticks_per_beat <= 0:
        raise ValueError(
            f"{path} must have tracks played together and counted in beats, got type "
            f"{file.type} and division {file.ticks_per_beat}."
        )
    notes, end = _notes(file)
    if not notes:
        raise ValueError(f"{path} must hold a note, got none.")
    for note, _, _ in notes:
        if not LOWEST_NOTE <= note < LOWEST_NOTE + NUM_KEYS:
            raise ValueError(
                f"{path} must hold notes from {LOWEST_NOTE} to "
                f"{LOWEST_NOTE + NUM_KEYS - 1}, the keys of a piano, got {note}."
            )
    frames = [
        (
            note,
            _frame(file, start, frames_per_beat),
            _frame(file, stop, frames_per_beat),
        )
        for note, start, stop in notes
    ]
    num_frames = max(
        _frame(file, end, frames_per_beat),
        *(max(start + 1, stop) for _, start, stop in frames),
    )
    roll = np.zeros((num_frames, NUM_KEYS), bool)
    for note, start, stop in frames:
        roll[start : max(start + 1, stop), note - LOWEST_NOTE] = True
    return roll


def write_midi(roll: np.ndarray, frames_per_beat: int) -> bytes:
    """Writes a piano roll as a MIDI file.

    A roll does not say whether a key that stays down is struck again: here it is not.

    Args:
      roll: `[num_frames, 88]` bool.
      frames_per_beat: frames of a quarter note.

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


def _parse(path: Path) -> mido.MidiFile:
    content = path.read_bytes()
    for offset, expected in enumerate(HEADER):
        if content[offset : offset + 1] != bytes([expected]):
            got = (
                f"byte 0x{content[offset]:02x}" if offset < len(content) else "its end"
            )
            raise ValueError(
                f"{path} must be a MIDI file, got {got} at offset {offset}."
            )
    stream = io.BytesIO(content)
    try:
        return mido.MidiFile(file=stream)
    except Exception as error:  # of every kind: each message has a decoder of its own
        cause = str(error) or "the file ends"
        raise ValueError(
            f"{path} must be a MIDI file, but before offset {stream.tell()} of "
            f"{len(content)}: {cause}."
        ) from error


def _notes(file: mido.MidiFile) -> tuple[list[tuple[int, int, int]], int]:
    """Returns (note, start, stop) of all notes and the end of the file, in ticks.

    A note struck again while it sounds ends there; one never released sounds on to the
    end.
    """
    notes, sounding, now = [], {}, 0
    for message in file.merged_track:
        now += message.time
        if message.type not in ("note_on", "note_off") or message.channel == DRUMS:
            continue
        voice = message.channel, message.note
        if voice in sounding:
            notes.append((message.note, sounding.pop(voice), now))
        if message.type == "note_on" and message.velocity > 0:
            sounding[voice] = now
    notes += [(note, start, now) for (_, note), start in sounding.items()]
    return notes, now


def _frame(file: mido.MidiFile, ticks: int, frames_per_beat: int) -> int:
    return round(ticks * frames_per_beat / file.ticks_per_beat)
