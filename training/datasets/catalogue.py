"""Catalogue of the supported data sets: content, source, terms, reader."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from training.datasets.emopia import read_emopia
from training.datasets.mediaeval import read_mediaeval
from training.datasets.memo2496 import read_memo2496
from training.datasets.musemodataset import read_musemodataset
from training.datasets.own import read_own
from training.datasets.pieces import Piece
from training.datasets.pmemo import read_pmemo
from training.datasets.previews import read_previews
from training.datasets.unlabelled import read_recordings, read_unlabelled
from training.datasets.vgmidi import read_vgmidi


@dataclass(frozen=True, slots=True)
class DataSet:
    """A supported data set.

    Attributes
    ----------
    name
        Name in recipes.
    folder
        Name of its folder in a data folder.
    read
        Reader of that folder.
    content
        Its music and its labels.
    source, terms
        Where to get it, and its terms of use.
    """

    name: str
    folder: str
    read: Callable[[Path], list[Piece]]
    content: str
    source: str
    terms: str


_MEMO2496 = (
    "github.com/Bearlo-Z/Memo2496 (the arrays of the paper)",
    "as stated there; research",
)
_DEAM = ("cvml.unige.ch/databases/DEAM", "CC BY-NC 4.0")
_EMOMUSIC = ("cvml.unige.ch/databases/emoMusic", "CC BY-NC 4.0")
_PMEMO = ("github.com/HuiZhangDB/PMEmo, sound on request", "research")

CATALOGUE: dict[str, DataSet] = {
    one.name: one
    for one in (
        DataSet(
            "vgmidi",
            "vgmidi",
            read_vgmidi,
            "200 piano pieces of game music as MIDI; about 30 raters, each measure",
            "github.com/lucasnfe/vgmidi",
            "none stated; research",
        ),
        DataSet(
            "musemodataset",
            "musemodataset",
            read_musemodataset,
            "324 clips of 6 s, ten genres; one label a clip",
            "github.com/grekowj/musemodataset",
            "none stated; commercial recordings, research",
        ),
        DataSet(
            "emopia",
            "emopia",
            read_emopia,
            "1,078 clips of pop piano as MIDI; a quadrant a clip",
            "zenodo.org/records/5090631",
            "CC BY-NC-SA 4.0",
        ),
        *(
            DataSet(
                f"{name}{suffix}",
                name,
                partial(read_mediaeval, dataset=name, dynamic=bool(suffix)),
                f"{content}; {'a label each half second' if suffix else 'one label a song'}",
                *origin,
            )
            for name, content, origin in (
                ("emomusic", "744 excerpts of 45 s (1000songs)", _EMOMUSIC),
                ("deam", "1,802 songs and excerpts, 1000songs among them", _DEAM),
            )
            for suffix in ("", "-dynamic")
        ),
        *(
            DataSet(
                f"pmemo{suffix}",
                "pmemo",
                partial(read_pmemo, dynamic=bool(suffix)),
                f"767 pop choruses; {'a label each half second' if suffix else 'one label a song'}",
                *_PMEMO,
            )
            for suffix in ("", "-dynamic")
        ),
        *(
            DataSet(
                name,
                "memo2496",
                partial(read_memo2496, dataset=name),
                content,
                *_MEMO2496,
            )
            for name, content in (
                ("memo2496", "2,496 instrumental tracks as precomputed arrays, 87 frames"),
                ("memo2496-pmemo", "PMEmo as precomputed arrays, 44 frames"),
                ("memo2496-1000songs", "1000songs as precomputed arrays, 44 frames"),
                ("memo2496-deam", "DEAM as precomputed arrays"),
            )
        ),
        DataSet(
            "previews",
            "previews",
            read_previews,
            "475 previews of 30 s, five genres; a service's valence and energy (weak labels)",
            "github.com/Perseus14/MusicMoodDetection",
            "none stated; commercial recordings, research",
        ),
        DataSet(
            "recordings",
            "recordings",
            read_recordings,
            "excerpts of 45 s of songs, without labels",
            "github.com/DavidAmat/Music_Emotions",
            "none stated; commercial recordings, research",
        ),
        DataSet(
            "own",
            "own",
            read_own,
            "your own music; labels.csv with path, start, end, valence, arousal, group",
            "a folder of your own",
            "yours",
        ),
        DataSet(
            "unlabelled",
            "unlabelled",
            read_unlabelled,
            "any music without labels, for distillation",
            "scripts/free-music (27 h of game music from Debian), or a folder of your own",
            "as each file's; GPL and CC BY-SA in Debian's",
        ),
    )
}


def find_data_set(name: str, roots: Iterable[Path]) -> Path | None:
    """Find the folder of a data set in the first root that has it; None if no root has."""
    return next(
        (
            root / CATALOGUE[name].folder
            for root in roots
            if (root / CATALOGUE[name].folder).is_dir()
        ),
        None,
    )


def read_data_sets(names: Iterable[str], roots: list[Path]) -> list[Piece]:
    """Read several data sets, one after the other.

    Raises
    ------
    ValueError
        A data set is unknown or not found, or its files are invalid.
    """
    pieces: list[Piece] = []
    for name in names:
        if name not in CATALOGUE:
            raise ValueError(
                f"cannot read {name!r}: unknown data set; known are {', '.join(CATALOGUE)}"
            )
        folder = find_data_set(name, roots)
        if folder is None:
            raise ValueError(
                f"cannot read {name}: {CATALOGUE[name].folder} is in none of "
                f"{', '.join(map(str, roots))}; "
                "`python -m training datasets` says where to get it"
            )
        pieces += CATALOGUE[name].read(folder)
    return pieces
