"""Joyful: D major, fast; trumpet and flute tune, syncopated marimba, brass stabs, full kit."""

from deploy.demo.score import Movement, Part, drums, figure, line

_METER = 4
_BEATS = 48.0

_TUNE = (
    "F#5/.5 A5/.5 r/.5 A5/.5 B5/.5 A5/.5 F#5/1",
    "G5/.5 B5/.5 r/.5 B5/.5 A5/.5 G5/.5 D5/1",
    "F#5/.5 A5/.5 r/.5 A5/.5 D6/.5 A5/.5 F#5/1",
    "E5/1.5 G5/.5 E5/.5 C#5/.5 A4/1",
    "F#5/.5 A5/.5 r/.5 A5/.5 B5/.5 A5/.5 F#5/1",
    "G5/.5 B5/.5 r/.5 D6/.5 B5/1 G5/1",
    "G5/.5 F#5/.5 E5/.5 G5/.5 F#5/.5 E5/.5 C#5/.5 E5/.5",
    "D5/1.5 A5/.5 D6/1.5 r/.5",
    "B5/1 A5/.5 G5/.5 B5/1.5 D6/.5",
    "C#6/1 B5/.5 A5/.5 C#6/1.5 E6/.5",
    "D6/1 C#6/.5 B5/.5 D6/.5 B5/.5 G5/1",
    "A5/.5 B5/.5 C#6/.5 E6/.5 D6/1.5 r/.5",
)
# D, G, D/F#, A; D, G, Em-A, D; G, A, Bm-G, A-D
_STRINGS = (
    "D4+F#4+A4+D5/4",
    "D4+G4+B4+D5/4",
    "D4+F#4+A4+D5/4",
    "C#4+E4+A4+C#5/4",
    "D4+F#4+A4+D5/4",
    "D4+G4+B4+D5/4",
    "E4+G4+B4+E5/2 E4+A4+C#5+E5/2",
    "F#4+A4+D5+F#5/4",
    "G4+B4+D5+G5/4",
    "A4+C#5+E5+A5/4",
    "F#4+B4+D5+F#5/2 G4+B4+D5+G5/2",
    "A4+C#5+E5+A5/2 F#4+A4+D5+F#5/1.5 r/.5",
)
_BASS = (
    "D2/1 r/.5 D2/.5 A2/1 D3/.5 A2/.5",
    "G2/1 r/.5 G2/.5 D3/1 G2/.5 D2/.5",
    "F#2/1 r/.5 F#2/.5 A2/1 D3/.5 A2/.5",
    "A2/1 r/.5 A2/.5 E2/1 A2/.5 C#3/.5",
    "D3/1 r/.5 D2/.5 A2/1 D3/.5 A2/.5",
    "G2/1 r/.5 G2/.5 D3/1 G2/.5 D2/.5",
    "E2/1 B2/.5 E2/.5 A2/1 E2/.5 A2/.5",
    "D2/1 r/.5 D2/.5 A2/.5 D3/.5 F#2/1",
    "G2/1 r/.5 G2/.5 D3/1 G2/.5 B2/.5",
    "A2/1 r/.5 A2/.5 E3/1 A2/.5 C#3/.5",
    "B2/1 F#2/.5 B2/.5 G2/1 D3/.5 G2/.5",
    "A2/1 E3/.5 A2/.5 D2/1.5 r/.5",
)

_ROLL = "2.01.20.1.20.12."
_MARIMBA = (
    ("F#4+A4+D5", _ROLL),
    ("G4+B4+D5", _ROLL),
    ("F#4+A4+D5", _ROLL),
    ("E4+A4+C#5", _ROLL),
    ("F#4+A4+D5", _ROLL),
    ("G4+B4+D5", _ROLL),
    ("E4+G4+B4+C#5", "2.01.2012.31.213"),
    ("F#4+A4+D5", _ROLL),
    ("G4+B4+D5", _ROLL),
    ("A4+C#5+E5", _ROLL),
    ("F#4+B4+D5+G4", "2.01.2012.31.213"),
    ("A4+C#5+E5+D5+F#5", "2.01.2.34......."),
)
_STRUM = "x.x.x.xxx.x.x.x."
_GUITAR = (
    ("D3+A3+D4+F#4", _STRUM),
    ("G2+B2+D3+G3+B3+G4", _STRUM),
    ("D3+A3+D4+F#4", _STRUM),
    ("A2+E3+A3+C#4+E4", _STRUM),
    ("D3+A3+D4+F#4", _STRUM),
    ("G2+B2+D3+G3+B3+G4", _STRUM),
    ("A2+E3+A3+C#4+E4", "........x.x.x.x."),
    ("D3+A3+D4+F#4", _STRUM),
    ("G2+B2+D3+G3+B3+G4", _STRUM),
    ("A2+E3+A3+C#4+E4", _STRUM),
    ("G2+B2+D3+G3+B3+G4", "........x.x.x.x."),
    ("D3+A3+D4+F#4", "........X......."),
)
_REST = "........"
_STAB = "...x..x."
_BRASS = (
    ("A3+D4+F#4", "x......."),
    ("B3+D4+G4", _STAB),
    ("A3+D4+F#4", _REST),
    ("A3+C#4+E4", _STAB),
    ("A3+D4+F#4", "x..x...."),
    ("B3+D4+G4", _STAB),
    ("A3+C#4+E4", "....x.x."),
    ("A3+D4+F#4", "x..x..x."),
    ("B3+D4+G4", "x..x..x."),
    ("C#4+E4+A4", "x..x..x."),
    ("B3+D4+G4", "....x.x."),
    ("A3+D4+F#4", "....X..."),
)
_KIT = {
    36: ("x.....x.x.......",) * 3
    + ("x.....x.x...x...",)
    + ("x.....x.x.......",) * 3
    + ("x.....x.x..x....",)
    + ("x...x...x...x...",) * 3
    + ("x...x...X.......",),
    38: ("....x.......x...",) * 3
    + ("....x.....o.x.xx",)
    + ("....x.......x...",) * 3
    + ("....x...x.xxxxxx",)
    + ("....X.......X..o",) * 3
    + ("x.xxx.x.X.......",),
    42: ("x.o.x.o.x.o.x.o.",) * 8 + ("................",) * 4,
    46: ("................",) * 3
    + ("..............x.",)
    + ("................",) * 4
    + ("..x...x...x...x.",) * 3
    + ("................",),
    49: ("X...",)
    + ("....",) * 3
    + ("X...",)
    + ("....",) * 3
    + ("X...",)
    + ("....",) * 2
    + ("..X.",),
    54: ("................",) * 4 + ("o.x.o.x.o.x.o.x.",) * 7 + ("o.x.x...........",),
    39: ("................",) * 8 + ("....x.......x...",) * 3 + ("................",),
}

JOYFUL = Movement(
    name="joyful",
    beats=_BEATS,
    tempo=((0.0, 144.0),),
    meter=_METER,
    parts=(
        Part(
            "trumpet",
            56,
            line(_TUNE, _METER, transpose=-12),
            dynamics=((0.0, 88.0), (31.0, 94.0), (32.0, 98.0), (48.0, 104.0)),
            volume=92,
            pan=56,
            sustain=0.86,
        ),
        Part(
            "flute",
            73,
            line(_TUNE, _METER),
            dynamics=((0.0, 84.0), (48.0, 100.0)),
            volume=88,
            pan=76,
            sustain=0.88,
        ),
        Part(
            "glockenspiel",
            9,
            tuple(note for note in line(_TUNE, _METER) if note.start >= 16),
            dynamics=((0.0, 58.0), (48.0, 72.0)),
            volume=82,
            pan=92,
        ),
        Part(
            "marimba",
            12,
            figure(_MARIMBA, _METER),
            dynamics=((0.0, 84.0), (48.0, 92.0)),
            volume=94,
            pan=36,
            sustain=1.8,
        ),
        Part(
            "guitar",
            25,
            figure(_GUITAR, _METER),
            dynamics=((0.0, 62.0), (48.0, 74.0)),
            volume=56,
            pan=96,
            sustain=1.4,
            looseness=0.010,
        ),
        Part(
            "strings",
            48,
            line(_STRINGS, _METER),
            dynamics=((0.0, 62.0), (32.0, 76.0), (48.0, 88.0)),
            volume=70,
            pan=46,
        ),
        Part(
            "brass",
            61,
            figure(_BRASS, _METER),
            dynamics=((0.0, 86.0), (48.0, 102.0)),
            volume=90,
            pan=72,
            sustain=0.9,
        ),
        Part(
            "bass",
            33,
            line(_BASS, _METER),
            dynamics=((0.0, 92.0), (48.0, 100.0)),
            volume=86,
            sustain=0.9,
        ),
        Part(
            "drums",
            None,
            drums(_KIT, _METER),
            dynamics=((0.0, 84.0), (32.0, 92.0), (48.0, 98.0)),
            volume=100,
            looseness=0.003,
        ),
    ),
)
