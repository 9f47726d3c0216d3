"""Readers, one a data set; each takes the set's official layout and gives `Piece` records."""

from training.datasets.catalogue import CATALOGUE, DataSet, find_data_set, read_data_sets
from training.datasets.records import Piece, ReadyViews

__all__ = ["CATALOGUE", "DataSet", "Piece", "ReadyViews", "find_data_set", "read_data_sets"]
