"""Mix pairs of recordings into further unlabelled pieces, for distillation."""

from dataclasses import replace

import numpy as np

from training.datasets.pieces import Piece


def mix_recordings(pieces: list[Piece], count: int, seed: int = 0) -> list[Piece]:
    """Pair recordings of different groups at random; a mix lasts as long as its first recording.

    Parameters
    ----------
    pieces
        Recordings; their labels are ignored.
    count, seed
        Number of mixes, all different, and the seed of the choice. Fewer are returned if there are
        not so many pairs.

    Raises
    ------
    ValueError
        All recordings are of one group.
    """
    if not count:
        return []
    if len({(one.dataset, one.group) for one in pieces}) < 2:
        raise ValueError("cannot mix recordings: there are fewer than two groups; set `mixes` to 0")
    total = len(pieces) ** 2
    drawn = np.random.default_rng(seed).choice(total, min(total, 2 * count), replace=False)
    pairs = [(pieces[k // len(pieces)], pieces[k % len(pieces)]) for k in drawn]
    mixes = [_mix(*pair) for pair in pairs if _differ(*pair)]
    return mixes[:count]


def _differ(first: Piece, second: Piece) -> bool:
    return (first.dataset, first.group) != (second.dataset, second.group)


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
