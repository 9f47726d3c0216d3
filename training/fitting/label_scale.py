"""Convert labels of different data sets to one scale, in which the network predicts."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from training.datasets import Piece, read_data_sets

_PerAxis = tuple[float, float]
_Factor = Annotated[float, Field(gt=0.0)]


class LabelScale(BaseModel):
    """Map from the labels of a data set to the scale in which a network predicts.

    Attributes
    ----------
    neutral
        Label of neutral music in the data set, valence and arousal. Default: 0.
    factor
        Factor of the distance from it. Default: 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    neutral: _PerAxis = (0.0, 0.0)
    factor: tuple[_Factor, _Factor] = (1.0, 1.0)

    def convert(self, piece: Piece) -> Piece:
        """Convert the labels of a piece; those beyond [-1, 1] are clipped."""
        labels = np.stack([piece.valence, piece.arousal])
        neutral, factor = (np.array(one)[:, None] for one in (self.neutral, self.factor))
        valence, arousal = np.clip((labels - neutral) * factor, -1.0, 1.0)
        std = None if piece.rater_std is None else piece.rater_std * np.array(self.factor)
        return replace(piece, valence=valence, arousal=arousal, rater_std=std)


def read_in_network_scale(
    names: Iterable[str], scales: Mapping[str, LabelScale], roots: list[Path]
) -> list[Piece]:
    """Read data sets; convert the labels of those that have a scale.

    Raises
    ------
    ValueError
        As `read_data_sets`.
    """
    pieces = read_data_sets(names, roots)
    as_they_are = LabelScale()
    return [scales.get(piece.dataset, as_they_are).convert(piece) for piece in pieces]
