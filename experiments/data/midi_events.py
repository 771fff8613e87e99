"""The notes of Standard MIDI Files.

Only notes and times are decoded. Metadata, such as a key signature that does not exist,
and chunks of unknown types are skipped: neither makes a file unreadable.

References:
  MIDI Manufacturers Association, "Standard MIDI Files 1.0", 1988.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from experiments.harness.errors import BadInput

DRUMS = 9  # the channel whose notes are not pitches
NOTE_OFF, NOTE_ON = 0x80, 0x90
SYSEX, ESCAPE, META, END_OF_TRACK = 0xF0, 0xF7, 0xFF, 0x2F
# Data bytes of a message: of a channel by its kind, of the system by its status.
NUM_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
NUM_DATA_BYTES |= {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0}
NUM_DATA_BYTES |= dict.fromkeys((0xF8, 0xFA, 0xFB, 0xFC, 0xFE), 0)


class Note(NamedTuple):
    """A note; `number` is 60 for middle C, times are in ticks."""

    number: int
    start: int
    stop: int


class Song(NamedTuple):
    """The notes of a file.

    Attributes:
      notes: the notes of all channels except the drums', in no particular order.
      num_drums: notes on the drum channel.
      end: length of the longest track, in ticks.
      ticks_per_beat: ticks per quarter note.
      num_clipped: data bytes over 127, read as 127.
    """

    notes: list[Note]
    num_drums: int
    end: int
    ticks_per_beat: int
    num_clipped: int


class _Track(NamedTuple):
    """Like `Song`; the notes of `unreleased`, (number, start), last until the end."""

    notes: list[Note]
    unreleased: list[tuple[int, int]]
    num_drums: int
    end: int


def read_song(path: Path) -> Song:
    """Reads the notes of a MIDI file.

    In each track and channel, a note-off ends the oldest open note of its number. A
    note that gets no note-off of its own ends at the last note-off of its number if
    there is one after its beginning, otherwise with the file.

    Raises:
      BadInput: if the file is not a MIDI file (the error names the byte), or if its
        tracks are independent (type 2) or not timed in beats.
    """
    reader = _Reader(path)
    kind, num_tracks, division = reader.header()
    if kind == 2 or division <= 0:
        raise BadInput(
            "must have simultaneous tracks timed in beats, got type "
            f"{kind} and division {division}.",
            path,
        )
    tracks = [_read_track(reader) for _ in range(num_tracks)]
    end = max((track.end for track in tracks), default=0)
    notes = [note for track in tracks for note in track.notes]
    notes += [Note(*note, end) for track in tracks for note in track.unreleased]
    num_drums = sum(track.num_drums for track in tracks)
    return Song(notes, num_drums, end, division, reader.num_clipped)


def _read_track(reader: "_Reader") -> _Track:
    """Reads the next track and finds the end of each note."""
    reader.enter_track()
    notes: list[Note] = []
    starts: dict[tuple[int, int], list[int]] = defaultdict(list)  # by channel, number
    last_stop: dict[tuple[int, int], int] = {}
    num_drums = now = 0
    for now, status, data in reader.events():
        kind, channel = status & 0xF0, status & 0x0F
        if kind not in (NOTE_OFF, NOTE_ON):
            continue
        number, velocity = data
        is_start = kind == NOTE_ON and velocity > 0
        if channel == DRUMS:
            num_drums += is_start
        elif is_start:
            starts[channel, number].append(now)
        else:
            last_stop[channel, number] = now
            if starts[channel, number]:
                notes.append(Note(number, starts[channel, number].pop(0), now))
    unreleased = []
    for voice, times in starts.items():
        for start in times:
            if last_stop.get(voice, start) > start:
                notes.append(Note(voice[1], start, last_stop[voice]))
            else:
                unreleased.append((voice[1], start))
    return _Track(notes, unreleased, num_drums, now)


class _Reader:
    """A file and a position in it.

    Attributes:
      num_clipped: data bytes over 127 so far.
    """

    def __init__(self, path: Path):
        self.num_clipped = 0
        self._path = path
        self._content = path.read_bytes()
        self._offset = 0
        self._end = len(self._content)  # of the chunk

    def header(self) -> tuple[int, int, int]:
        """Reads type, number of tracks and division."""
        for expected in b"MThd":
            (byte,) = self._take(1)
            if byte != expected:
                raise self._refusal(f"got byte 0x{byte:02x}", self._offset - 1)
        self._enter_chunk()
        kind, num_tracks, division = (self._take(2) for _ in range(3))
        return (
            int.from_bytes(kind, "big"),
            int.from_bytes(num_tracks, "big"),
            int.from_bytes(division, "big", signed=True),
        )

    def enter_track(self) -> None:
        """Goes to the first event of the next track, past chunks of other types."""
        name = b""
        while name != b"MTrk":
            self._offset, self._end = self._end, len(self._content)
            name = self._take(4)
            self._enter_chunk()

    def events(self) -> Iterator[tuple[int, int, list[int]]]:
        """Yields the ticks since the beginning, status and data of each event.

        Data are those of channel messages; system messages and metadata have none here.
        """
        now, running = 0, None
        while self._offset < self._end:
            now += self._take_number()
            (status,) = self._take(1)
            if status < 0x80:  # data: the status of the message before holds on
                if running is None:
                    raise self._refusal("got data without a status", self._offset - 1)
                self._offset, status = self._offset - 1, running
            if status == META:
                (meta_type,) = self._take(1)
                self._take(self._take_number())
                yield now, status, []
                if meta_type == END_OF_TRACK:
                    return
            elif status in (SYSEX, ESCAPE):
                self._take(self._take_number())
                yield now, status, []
            else:
                running = status if status < SYSEX else running
                yield now, status, self._take_data(status)

    def _enter_chunk(self) -> None:
        """Reads the size of a chunk, which must lie in the file."""
        size = int.from_bytes(self._take(4), "big")
        if self._offset + size > self._end:
            raise self._refusal("got the end of the file", self._end)
        self._end = self._offset + size

    def _take(self, count: int) -> bytes:
        if self._offset + count > self._end:
            whole = self._end == len(self._content)
            raise self._refusal(
                "got the end of " + ("the file" if whole else "a chunk"), self._end
            )
        taken = self._content[self._offset : self._offset + count]
        self._offset += count
        return taken

    def _take_number(self) -> int:
        """Reads a number of variable length: 7 bits per byte, the last below 128."""
        number = 0
        while True:
            (byte,) = self._take(1)
            number = number << 7 | byte & 0x7F
            if byte < 0x80:
                return number

    def _take_data(self, status: int) -> list[int]:
        kind = status & 0xF0 if status < SYSEX else status
        if kind not in NUM_DATA_BYTES:
            raise self._refusal(f"got status byte 0x{status:02x}", self._offset - 1)
        data = self._take(NUM_DATA_BYTES[kind])
        self.num_clipped += sum(byte > 127 for byte in data)
        return [min(byte, 127) for byte in data]

    def _refusal(self, reason: str, byte: int) -> BadInput:
        return BadInput(f"must be a MIDI file, {reason}.", self._path, byte=byte)
