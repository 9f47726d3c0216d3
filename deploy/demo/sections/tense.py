"""Tense: C minor with a Phrygian second; ostinato, tremolo, low brass, driving drums.

The harmony stands on one pedal, then climbs by diminished sevenths to a single blow and silence.
"""

from deploy.demo.score import Movement, Part, drums, figure, line

_METER = 4
_BEATS = 52.0

_TURN = "00100203"
_PEDAL = ("C2+Db2+Eb2+Gb2", _TURN)
_OSTINATO = (
    *(_PEDAL,) * 8,
    ("C2+Eb2+Gb2+A2", "00100203"),
    ("Db2+E2+G2+Bb2", "00100203"),
    ("D2+F2+Ab2+B2", "00100203"),
    ("Eb2+Gb2+A2+C3", "01230123"),
    ("C2", "X......."),
)
_TREMOLO = (
    "C5/4",
    "C5+Db5/4",
    "C5+Db5/4",
    "C5+Db5/4",
    "C5+Db5+Gb5/4",
    "C5+Eb5+Gb5/4",
    "Db5+Gb5+G5/4",
    "C5+Eb5+Gb5+A5/4",
    "C5+Eb5+Gb5+A5/4",
    "Db5+E5+G5+Bb5/4",
    "D5+F5+Ab5+B5/4",
    "Eb5+Gb5+A5+C6/4",
    "r/4",
)
_HORNS = (
    "r/4",
    "r/4",
    "r/4",
    "r/2 C3+Db3/2",
    "C3/3 Db3/1",
    "C3/3 Eb3/1",
    "C3+Gb3/3 Db3+G3/1",
    "C3+Gb3/2 Eb3+A3/2",
    "C3+Gb3/1.5 C3+Gb3/1.5 Eb3+A3/1",
    "Db3+G3/1.5 Db3+G3/1.5 E3+Bb3/1",
    "D3+Ab3/1.5 D3+Ab3/1.5 F3+B3/1",
    "Eb3+A3/1 Gb3+C4/1 A3+Eb4/1 C4+Gb4/1",
    "C3+Gb3+A3+Eb4/.5 r/3.5",
)
_PULSE = "0101010101010101"
_VIOLINS = (
    *(("C5", "........"),) * 4,
    ("G4+Ab4", "0..0..0."),
    ("G4+Ab4", "0..0..1."),
    ("G4+Ab4", "0.00.10."),
    ("G4+Ab4", "0101.101"),
    ("A4+C5", _PULSE),
    ("Bb4+Db5", _PULSE),
    ("B4+D5", _PULSE),
    ("C5+Eb5+Gb5+A5", "0101121223232323"),
    ("Gb5+A5+Eb6", "X......."),
)
_ACCENTS = "X..x..x."
_PIANO = (
    *(("C1+C2", "X......."),) * 3,
    ("C1+C2", "X.....x."),
    *(("C1+C2", _ACCENTS),) * 4,
    ("C1+C2", _ACCENTS),
    ("Db1+Db2", _ACCENTS),
    ("D1+D2", _ACCENTS),
    ("Eb1+Eb2", "X.x.x.xx"),
    ("C1+C2+Gb2", "X......."),
)
_TIMPANI = (
    ("C2", "x......."),
    ("C2", "x.....x."),
    ("C2", "x..x..x."),
    ("C2+Gb2", "0..0..1."),
    *(("C2+Gb2", "0..0..1."),) * 3,
    ("C2+Gb2", "0..0.011"),
    *(("C2+Gb2", "0..0.011"),) * 3,
    ("C2", "x" * 32),
    ("C2", "X......."),
)
_NONE = "." * 16
_KIT = {
    35: ("x...............",) * 2
    + ("x.....x.........",) * 2
    + ("x.....x.....x...",) * 4
    + ("x..x..x.x..x..x.",) * 3
    + ("x.x.x.x.x.x.x.x.", "X..............."),
    41: (_NONE,) * 2
    + ("x.....o.........", "x.....o.....o.xx")
    + ("x..o..x.....x.o.",) * 3
    + ("x..o..x.x.o.x.xx",)
    + ("X.ooX.ooX.oox.oo",) * 3
    + ("XoooXoooXoooXooo", "X..............."),
    45: (_NONE,) * 4
    + ("..o.......x.....",) * 3
    + ("..o...o...x..x..",)
    + (".x....x..x..x...",) * 3
    + (".x.x.x.x.x.x.x.x", _NONE),
    47: (_NONE,) * 7 + ("..............xx",) + ("..........x...x.",) * 3 + (_NONE,) * 2,
    38: (_NONE,) * 8 + ("....x.......x...",) * 3 + ("oooooooooxxxxxxx", "X..............."),
    42: ("o.......",) * 2 + ("o...o...",) * 2 + ("o.o.o.o.",) * 8 + ("........",),
    49: ("....",) * 8 + ("X...", "....", "X...", "....", "X..."),
    57: ("....",) * 12 + ("X...",),
}

TENSE = Movement(
    name="tense",
    beats=_BEATS,
    tempo=((0.0, 156.0),),
    meter=_METER,
    parts=(
        Part(
            "cellos",
            42,
            figure(_OSTINATO, _METER, transpose=12),
            dynamics=((0.0, 82.0), (16.0, 90.0), (32.0, 100.0), (48.0, 118.0)),
            volume=127,
            pan=78,
            sustain=0.85,
        ),
        Part(
            "double basses",
            43,
            figure(_OSTINATO, _METER),
            dynamics=((0.0, 80.0), (16.0, 90.0), (32.0, 100.0), (48.0, 118.0)),
            volume=112,
            pan=88,
            sustain=0.85,
        ),
        Part(
            "tremolo strings",
            44,
            line(_TREMOLO, _METER),
            dynamics=((0.0, 66.0), (16.0, 80.0), (32.0, 94.0), (48.0, 118.0)),
            volume=84,
            pan=44,
            swell=((0.0, 84.0), (8.0, 84.0), (16.0, 100.0), (32.0, 110.0), (48.0, 127.0)),
            sustain=1.0,
        ),
        Part(
            "violins",
            40,
            figure(_VIOLINS, _METER),
            dynamics=((0.0, 76.0), (16.0, 82.0), (32.0, 92.0), (48.0, 116.0)),
            volume=110,
            pan=36,
            sustain=0.85,
        ),
        Part(
            "horns",
            60,
            line(_HORNS, _METER),
            dynamics=((0.0, 70.0), (16.0, 82.0), (32.0, 96.0), (48.0, 116.0)),
            volume=71,
            pan=58,
            sustain=0.92,
        ),
        Part(
            "trombones",
            57,
            line(_HORNS, _METER, transpose=-12),
            dynamics=((0.0, 66.0), (16.0, 76.0), (32.0, 92.0), (48.0, 116.0)),
            volume=70,
            pan=70,
            sustain=0.9,
        ),
        Part(
            "piano",
            0,
            figure(_PIANO, _METER),
            dynamics=((0.0, 80.0), (16.0, 88.0), (48.0, 112.0)),
            volume=102,
            sustain=2.2,
        ),
        Part(
            "timpani",
            47,
            figure(_TIMPANI, _METER),
            dynamics=((0.0, 70.0), (16.0, 80.0), (44.0, 84.0), (48.0, 118.0)),
            volume=112,
            pan=70,
            sustain=2.0,
        ),
        Part(
            "drums",
            None,
            drums(_KIT, _METER),
            dynamics=((0.0, 60.0), (16.0, 78.0), (32.0, 90.0), (48.0, 112.0)),
            volume=85,
            looseness=0.003,
        ),
    ),
)
