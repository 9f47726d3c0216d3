"""Parse scores: bars of text into notes and curves.

Time is counted in beats from the section's start. A bar is a string of tokens `pitch/beats`:
`"C4/1 Eb4/.5 r/.5 G3+Bb3+D4/2"` is a note, a note, a rest and a chord. Drums and figures are
written as step patterns by the helpers at the end.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Curve = tuple[tuple[float, float], ...]
"""Break points (beat, value), by rising beat."""

DRUM_CHANNEL = 9
_PITCH = re.compile(r"([A-G])([#b]?)(-?\d)")
_STEP = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ALTER = {"": 0, "#": 1, "b": -1}


@dataclass(frozen=True, slots=True)
class Note:
    """One note: MIDI pitch, start and length in beats, weight (1 is the part's own dynamic)."""

    pitch: int
    start: float
    length: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Part:
    """Part of one instrument in one section.

    Attributes
    ----------
    name
        Of the instrument, as the track is labelled.
    program
        General MIDI program, 0..127; None for the drum channel.
    notes
        In beats from the section's start.
    dynamics
        Note-on velocity over time, linear between the points.
    volume, pan
        Channel volume and position, 0..127; 64 is the centre.
    swell
        Expression (controller 11) over time, for instruments that can shape a held note.
    sustain
        Sounding share of the written length: below 1 detached, above 1 left to ring.
    looseness
        Largest deviation of a note's start, in seconds.
    """

    name: str
    program: int | None
    notes: tuple[Note, ...]
    dynamics: Curve
    volume: int = 100
    pan: int = 64
    swell: Curve = ()
    sustain: float = 0.97
    looseness: float = 0.006


@dataclass(frozen=True, slots=True)
class Movement:
    """One section of the piece: its mood, its length and tempo, its parts.

    Attributes
    ----------
    name
        The mood.
    beats
        Length.
    tempo
        Beats per minute from each beat on, stepwise; the first point lies at beat 0.
    meter
        Beats per bar, of quarter notes.
    parts
        The instruments.
    """

    name: str
    beats: float
    tempo: Curve
    meter: int
    parts: tuple[Part, ...]


def pitch(name: str) -> int:
    """Return the MIDI number of a pitch name; C4 is 60.

    Raises
    ------
    ValueError
        If the name is not a letter, an optional accidental and an octave.
    """
    match = _PITCH.fullmatch(name)
    if match is None:
        raise ValueError(f"invalid pitch name {name!r}; write a letter, # or b, and an octave")
    letter, sign, octave = match.groups()
    return 12 * (int(octave) + 1) + _STEP[letter] + _ALTER[sign]


def chord(names: str) -> tuple[int, ...]:
    """Return the MIDI numbers of pitch names joined by `+`."""
    return tuple(pitch(name) for name in names.split("+"))


def line(bars: Sequence[str], meter: int, *, transpose: int = 0) -> tuple[Note, ...]:
    """Parse bars of tokens `pitch/beats`.

    Raises
    ------
    ValueError
        If a bar does not last `meter` beats.
    """
    return tuple(_read(bars, meter, transpose))


def _read(bars: Sequence[str], meter: int, transpose: int) -> Iterator[Note]:
    for number, bar in enumerate(bars):
        start = float(number * meter)
        for token in bar.split():
            names, _, beats = token.partition("/")
            if names != "r":
                for value in chord(names):
                    yield Note(value + transpose, start, float(beats))
            start += float(beats)
        if abs(start - (number + 1) * meter) > 1e-6:
            raise ValueError(f"bar {number + 1} does not last {meter} beats: {bar!r}")


def figure(
    chords: Sequence[tuple[str, str]], meter: int, *, transpose: int = 0
) -> tuple[Note, ...]:
    """Play chords in step patterns, one pair (chord, pattern) per bar.

    A pattern divides its bar evenly. A digit plays that tone of the chord, counted from 0; `x`
    plays the whole chord, `X` plays it accented; `.` rests. A note lasts one step.
    """
    notes = []
    for number, (names, pattern) in enumerate(chords):
        tones = [tone + transpose for tone in chord(names)]
        step = meter / len(pattern)
        for index, sign in enumerate(pattern):
            start = number * meter + index * step
            if sign in "xX":
                weight = 1.2 if sign == "X" else 1.0
                notes += [Note(tone, start, step, weight) for tone in tones]
            elif sign != ".":
                notes.append(Note(tones[int(sign)], start, step))
    return tuple(notes)


def drums(kit: Mapping[int, Sequence[str]], meter: int) -> tuple[Note, ...]:
    """Parse step patterns of drums: for each General MIDI drum key, one pattern per bar.

    `x` is a stroke, `X` an accent, `o` a soft stroke, `.` a rest.
    """
    weights = {"x": 1.0, "X": 1.2, "o": 0.65}
    notes = []
    for key, bars in kit.items():
        for number, pattern in enumerate(bars):
            step = meter / len(pattern)
            for index, sign in enumerate(pattern):
                if sign in weights:
                    start = number * meter + index * step
                    notes.append(Note(key, start, step, weights[sign]))
    return tuple(sorted(notes, key=lambda note: (note.start, note.pitch)))


def value_at(curve: Curve, beat: float) -> float:
    """Evaluate a curve at a beat: linear between its points, constant outside."""
    after = bisect_right([point for point, _ in curve], beat)
    if after == 0:
        return curve[0][1]
    if after == len(curve):
        return curve[-1][1]
    (left, low), (right, high) = curve[after - 1], curve[after]
    return low + (high - low) * (beat - left) / (right - left)
