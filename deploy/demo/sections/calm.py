"""Calm: F major, a slow three; major sevenths and ninths, soft pad, sparse piano and harp."""

from deploy.demo.score import Movement, Part, figure, line

_METER = 3
_BEATS = 24.0

# Fmaj9, Bbmaj7, Am7, Dm9, Gm9, C11, Bbmaj7, Fmaj9
_PAD = (
    "F3+C4+E4+G4/3",
    "F3+Bb3+D4+A4/3",
    "E3+A3+C4+G4/3",
    "F3+A3+C4+E4/3",
    "F3+Bb3+D4+A4/3",
    "F3+Bb3+D4+G4/3",
    "F3+Bb3+D4+A4/3",
    "F3+A3+C4+G4/3",
)
_BASS = ("F2/3", "Bb2/3", "A2/3", "D2/3", "G2/3", "C2/3", "Bb2/3", "F2/3")
_HARP = (
    ("F3+C4+G4+A4+E5", "01234."),
    ("F3+D4+A4+Bb4", "0123.."),
    ("E3+C4+G4+A4", "0123.."),
    ("F3+C4+E4+A4+C5", "01234."),
    ("F3+D4+A4+Bb4", "0123.."),
    ("G3+D4+F4+Bb4", "0123.."),
    ("F3+D4+A4+C5", "0123.."),
    ("F3+C4+G4+A4+C5+G5", "012345"),
)
_PIANO = (
    "r/1 A4/1 C5/1",
    "D5/2 C5/1",
    "E5/2 G5/1",
    "F5/1 E5/2",
    "r/1 D5/1 Bb4/1",
    "A4/1 G4/2",
    "D5/1 F5/1 A5/1",
    "G5/3",
)
_ECHO = (
    "r/3",
    "r/3",
    "r/3",
    "r/2 C6/1",
    "r/3",
    "r/2 D6/1",
    "r/3",
    "r/1 C6/1 E6/1",
)

CALM = Movement(
    name="calm",
    beats=_BEATS,
    tempo=((0.0, 72.0), (21.0, 68.0)),
    meter=_METER,
    parts=(
        Part(
            "warm pad",
            89,
            line(_PAD, _METER),
            dynamics=((0.0, 56.0), (12.0, 64.0), (24.0, 54.0)),
            volume=88,
            swell=((0.0, 88.0), (3.0, 110.0), (12.0, 118.0), (24.0, 94.0)),
            sustain=1.0,
        ),
        Part(
            "strings",
            49,
            line(_PAD, _METER),
            dynamics=((0.0, 56.0), (12.0, 64.0), (24.0, 54.0)),
            volume=66,
            pan=52,
            swell=((0.0, 84.0), (6.0, 108.0), (18.0, 114.0), (24.0, 88.0)),
            sustain=1.0,
        ),
        Part(
            "double bass",
            32,
            line(_BASS, _METER),
            dynamics=((0.0, 48.0), (24.0, 44.0)),
            volume=94,
            looseness=0.010,
        ),
        Part(
            "harp",
            46,
            figure(_HARP, _METER),
            dynamics=((0.0, 52.0), (12.0, 60.0), (24.0, 48.0)),
            volume=98,
            pan=84,
            sustain=3.0,
            looseness=0.014,
        ),
        Part(
            "piano",
            0,
            line(_PIANO, _METER),
            dynamics=((0.0, 74.0), (9.0, 84.0), (15.0, 74.0), (19.0, 82.0), (24.0, 72.0)),
            volume=127,
            pan=56,
            sustain=1.15,
            looseness=0.016,
        ),
        Part(
            "celesta",
            8,
            line(_ECHO, _METER),
            dynamics=((0.0, 60.0), (24.0, 54.0)),
            volume=112,
            pan=96,
            sustain=1.5,
            looseness=0.016,
        ),
    ),
)
