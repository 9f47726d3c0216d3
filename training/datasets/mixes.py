"""Mix recordings two by two: music that no recording has, for teachers to label."""

from dataclasses import replace

import numpy as np

from training.datasets.pieces import Piece


def mix_recordings(pieces: list[Piece], count: int, seed: int = 0) -> list[Piece]:
    """Pair recordings of different groups at random; a mix lasts as long as its first recording.

    Parameters
    ----------
    pieces
        Recordings, without labels that are used: a mix has none.
    count, seed
        Number of mixes, and the seed of the choice.

    Raises
    ------
    ValueError
        All recordings are of one group.
    """
    if count and len({(one.dataset, one.group) for one in pieces}) < 2:
        raise ValueError("cannot mix recordings: there are fewer than two groups; set `mixes` to 0")
    random = np.random.default_rng(seed)
    mixes: list[Piece] = []
    while len(mixes) < count:
        first, second = (pieces[k] for k in random.integers(len(pieces), size=2))
        if (first.dataset, first.group) != (second.dataset, second.group):
            mixes.append(_mix(first, second))
    return mixes


def _mix(first: Piece, second: Piece) -> Piece:
    nothing = np.empty(0)
    return replace(
        first,
        name=f"{first.name} + {second.dataset}/{second.name}",
        mixed_with=second,
        times=nothing,
        valence=nothing,
        arousal=nothing,
        rater_std=None,
    )
