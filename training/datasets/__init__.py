"""Readers, one a data set; each takes the set's official layout and gives `Piece` records."""

from collections.abc import Callable
from pathlib import Path

from training.datasets.musemodataset import read_musemodataset
from training.datasets.records import Piece
from training.datasets.vgmidi import read_vgmidi

READERS: dict[str, Callable[[Path], list[Piece]]] = {
    "vgmidi": read_vgmidi,
    "musemodataset": read_musemodataset,
}

__all__ = ["READERS", "Piece", "read_musemodataset", "read_vgmidi"]
