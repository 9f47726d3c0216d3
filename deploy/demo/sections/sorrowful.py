"""Sorrowful: G minor, very slow; a solo cello, an oboe that answers, muted strings beneath."""

from deploy.demo.score import Movement, Part, line

_METER = 4
_BEATS = 24.0

# Gm, Gm/F; Ebmaj7, Am7b5/C; Gm/D, D7; Gm/Bb, Cm; Am7b5/C, D7; Gm
_STRINGS = (
    "G3+Bb3+D4/2 F3+Bb3+D4/2",
    "Eb3+G3+Bb3+D4/2 C3+G3+A3+Eb4/2",
    "D3+G3+Bb3/2 D3+F#3+C4/2",
    "D3+G3+Bb3/2 Eb3+G3+C4/2",
    "Eb3+A3+C4/2 D3+A3+C4/2",
    "D3+G3+Bb3/3.5 r/.5",
)
_BASS = ("G2/2 F2/2", "Eb2/2 C2/2", "D2/4", "Bb2/2 C2/2", "C2/2 D2/2", "G2/3.5 r/.5")
_CELLO = (
    "D4/1.5 Eb4/.5 D4/1 Bb3/1",
    "G4/2 Eb4/.5 D4/.5 C4/1",
    "Bb3/1.5 C4/.5 A3/2",
    "Bb4/1.5 A4/.5 G4/1 Eb4/1",
    "Eb4/1 C4/1 A3/1 F#3/1",
    "G3/3.5 r/.5",
)
_OBOE = (
    "r/4",
    "r/4",
    "r/2 r/.5 A4/.5 D5/1",
    "D5/2 Eb5/1.5 D5/.5",
    "C5/2 A4/1 C5/1",
    "C5/1 Bb4/2.5 r/.5",
)
_PIANO = (
    "G3+D4/4",
    "Eb3+Bb3/4",
    "r/4",
    "r/2 C3+G3/2",
    "r/4",
    "G2+D3/2 r/2",
)

SORROWFUL = Movement(
    name="sorrowful",
    beats=_BEATS,
    tempo=((0.0, 63.0), (16.0, 60.0), (18.0, 56.0), (19.0, 52.0), (20.0, 56.0)),
    meter=_METER,
    parts=(
        Part(
            "cello",
            42,
            line(_CELLO, _METER),
            dynamics=((0.0, 72.0), (4.0, 82.0), (10.0, 70.0), (12.0, 86.0), (20.0, 64.0)),
            volume=122,
            pan=60,
            swell=(
                (0.0, 96.0),
                (4.0, 116.0),
                (8.0, 102.0),
                (12.0, 122.0),
                (16.0, 108.0),
                (20.0, 96.0),
                (23.5, 60.0),
            ),
            sustain=1.0,
            looseness=0.012,
        ),
        Part(
            "oboe",
            68,
            line(_OBOE, _METER),
            dynamics=((10.0, 70.0), (14.0, 80.0), (20.0, 64.0)),
            volume=100,
            pan=78,
            swell=((10.0, 92.0), (13.0, 114.0), (18.0, 104.0), (21.0, 96.0), (23.5, 56.0)),
            sustain=1.0,
            looseness=0.012,
        ),
        Part(
            "strings",
            49,
            line(_STRINGS, _METER),
            dynamics=((0.0, 58.0), (12.0, 68.0), (20.0, 56.0)),
            volume=74,
            pan=50,
            swell=((0.0, 88.0), (4.0, 106.0), (12.0, 116.0), (20.0, 94.0), (23.5, 56.0)),
            sustain=1.0,
        ),
        Part(
            "double bass",
            43,
            line(_BASS, _METER),
            dynamics=((0.0, 60.0), (12.0, 68.0), (20.0, 56.0)),
            volume=110,
            pan=72,
            swell=((0.0, 98.0), (12.0, 110.0), (20.0, 96.0), (23.5, 60.0)),
            sustain=1.0,
        ),
        Part(
            "piano",
            0,
            line(_PIANO, _METER),
            dynamics=((0.0, 58.0), (24.0, 50.0)),
            volume=120,
            pan=56,
            sustain=1.0,
            looseness=0.016,
        ),
    ),
)
