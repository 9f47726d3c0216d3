"""Compose a General MIDI file from the score: performance, tracks, tempo map."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mido import Message, MetaMessage, MidiFile, MidiTrack, bpm2tempo

from deploy.demo.score import DRUM_CHANNEL, Movement, Note, Part, value_at
from deploy.demo.sections import MOVEMENTS

TITLE = "Four Rooms"
LICENCE = "CC0-1.0"
TICKS = 480
"""Ticks per beat."""

_SEED = 1807
_VELOCITY_SPREAD = 4.0
_SWELL_STEP = 0.25
_MELODIC = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
_VOLUME, _PAN, _EXPRESSION = 7, 10, 11
_Timed = tuple[int, int, Message | MetaMessage]
"""Absolute tick, rank among the events of one tick, event."""


@dataclass(frozen=True, slots=True)
class Span:
    """Start and end of a movement in the piece, in seconds."""

    name: str
    start: float
    end: float


def compose(movements: Sequence[Movement] = MOVEMENTS) -> MidiFile:
    """Build the MIDI file: a conductor track, then one track for each part of each movement."""
    midi = MidiFile(type=1, ticks_per_beat=TICKS, charset="utf-8")
    end = sum(_ticks(movement.beats) for movement in movements)
    midi.tracks.append(_track(TITLE, _conduct(movements), end))
    channels = _channels()
    offset = 0
    for movement in movements:
        for part in movement.parts:
            channel = DRUM_CHANNEL if part.program is None else next(channels)
            events = _perform(movement, part, channel, offset)
            midi.tracks.append(_track(f"{movement.name}: {part.name}", events, end))
        offset += _ticks(movement.beats)
    return midi


def spans(movements: Sequence[Movement] = MOVEMENTS) -> tuple[Span, ...]:
    """Return the boundaries of the movements in seconds; each starts at the end of the last."""
    found: list[Span] = []
    start = 0.0
    for movement in movements:
        end = start + seconds(movement, movement.beats)
        found.append(Span(movement.name, start, end))
        start = end
    return tuple(found)


def seconds(movement: Movement, beat: float) -> float:
    """Return the time of a beat in seconds from the start of its movement."""
    total = 0.0
    ends = [point for point, _ in movement.tempo[1:]] + [movement.beats]
    for (start, bpm), end in zip(movement.tempo, ends, strict=True):
        total += max(0.0, min(beat, end) - start) * bpm2tempo(bpm) / 1e6
    return total


def write(path: Path) -> MidiFile:
    """Compose and save the piece at `path`."""
    midi = compose()
    midi.save(path)
    return midi


def _ticks(beats: float) -> int:
    return round(beats * TICKS)


def _channels() -> Iterator[int]:
    """Yield melodic channels in turn, so that notes that ring on keep their instrument."""
    while True:
        yield from _MELODIC


def _conduct(movements: Sequence[Movement]) -> list[_Timed]:
    events: list[_Timed] = []
    offset = 0
    for movement in movements:
        meter = MetaMessage("time_signature", numerator=movement.meter, denominator=4)
        events += [(offset, 0, MetaMessage("marker", text=movement.name)), (offset, 1, meter)]
        for beat, bpm in movement.tempo:
            tempo = MetaMessage("set_tempo", tempo=bpm2tempo(bpm))
            events.append((offset + _ticks(beat), 2, tempo))
        offset += _ticks(movement.beats)
    return events


def _perform(movement: Movement, part: Part, channel: int, offset: int) -> list[_Timed]:
    """Play one part: its set-up, its swell, and its notes with small random deviations."""
    events = [(offset, rank, message) for rank, message in enumerate(_set_up(part, channel))]
    if part.swell:
        for step in range(int(movement.beats / _SWELL_STEP)):
            beat = step * _SWELL_STEP
            level = round(value_at(part.swell, beat))
            events.append((offset + _ticks(beat), 8, _control(channel, _EXPRESSION, level)))
    rng = Random(f"{_SEED}/{movement.name}/{part.name}")
    limit = _ticks(movement.beats)
    for start, stop, key, velocity in _played(movement, part, rng, limit):
        on = Message("note_on", channel=channel, note=key, velocity=velocity)
        off = Message("note_off", channel=channel, note=key, velocity=64)
        events += [(offset + start, 9, on), (offset + stop, 7, off)]
    return events


def _set_up(part: Part, channel: int) -> list[Message]:
    swell = round(part.swell[0][1]) if part.swell else 127
    return [
        Message("program_change", channel=channel, program=part.program or 0),
        _control(channel, _VOLUME, part.volume),
        _control(channel, _PAN, part.pan),
        _control(channel, _EXPRESSION, swell),
    ]


def _control(channel: int, control: int, value: int) -> Message:
    return Message("control_change", channel=channel, control=control, value=value)


def _played(
    movement: Movement, part: Part, rng: Random, limit: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield (start, stop, key, velocity), in ticks; no two notes of one key overlap.

    A note starts on or after its beat: players who sit slightly behind keep a section's first
    attack inside the section.
    """
    bpm = movement.tempo[0][1]
    late = part.looseness * bpm / 60
    free: dict[int, int] = {}
    for note, following in _with_following(part.notes):
        start = max(_ticks(note.start + rng.uniform(0.0, late)), free.get(note.pitch, 0))
        stop = min(_ticks(note.start + note.length * part.sustain), limit)
        if following is not None:
            stop = min(stop, _ticks(following.start))
        stop = max(stop, start + 1)
        free[note.pitch] = stop
        dynamic = value_at(part.dynamics, note.start) * note.weight * _metric_weight(note, movement)
        velocity = round(dynamic + rng.uniform(-_VELOCITY_SPREAD, _VELOCITY_SPREAD))
        yield start, stop, note.pitch, min(max(velocity, 1), 127)


def _with_following(notes: Sequence[Note]) -> list[tuple[Note, Note | None]]:
    """Pair each note with the next one of its key, by rising start."""
    following: dict[int, Note] = {}
    pairs: list[tuple[Note, Note | None]] = []
    for note in sorted(notes, key=lambda note: (note.start, note.pitch), reverse=True):
        pairs.append((note, following.get(note.pitch)))
        following[note.pitch] = note
    return pairs[::-1]


def _metric_weight(note: Note, movement: Movement) -> float:
    """Return the accent of a note: strong on the first beat, weak between beats."""
    if note.start % movement.meter == 0:
        return 1.05
    return 1.0 if note.start % 1 == 0 else 0.95


def _track(name: str, events: Sequence[_Timed], end: int) -> MidiTrack:
    track = MidiTrack()
    track.append(MetaMessage("track_name", name=name, time=0))
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(MetaMessage("end_of_track", time=end - now))
    return track
