"""Readers, one a data set; each takes the set's official layout and gives `Piece` records."""

from collections.abc import Callable
from pathlib import Path

from training.datasets.emopia import read_emopia
from training.datasets.musemodataset import read_musemodataset
from training.datasets.records import Piece
from training.datasets.vgmidi import read_vgmidi

READERS: dict[str, Callable[[Path], list[Piece]]] = {
    "vgmidi": read_vgmidi,
    "musemodataset": read_musemodataset,
    "emopia": read_emopia,
}

__all__ = ["READERS", "Piece", "read_emopia", "read_musemodataset", "read_vgmidi"]
