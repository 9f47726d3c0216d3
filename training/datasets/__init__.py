"""Data set readers: each reads the official layout of one data set into `Piece` objects."""

from training.datasets.catalogue import CATALOGUE, DataSet, find_data_set, read_data_sets
from training.datasets.pieces import AXES, Piece, PrecomputedViews

__all__ = [
    "AXES",
    "CATALOGUE",
    "DataSet",
    "Piece",
    "PrecomputedViews",
    "find_data_set",
    "read_data_sets",
]
