"""Test mixes of two recordings."""

import pytest

from training.datasets.mixes import mix_recordings


def test_a_mix_has_two_groups_and_no_labels(make_piece):
    songs = [make_piece(f"song{k}", group=f"artist{k // 2}", valence=[0.5]) for k in range(6)]
    mixes = mix_recordings(songs, 20)
    assert len(mixes) == 20
    for one in mixes:
        assert one.group != one.mixed_with.group
        assert len(one.times) == len(one.valence) == 0


def test_mixes_are_the_same_every_time_and_others_with_another_seed(make_piece):
    songs = [make_piece(f"song{k}") for k in range(6)]
    names = [[one.name for one in mix_recordings(songs, 9, seed)] for seed in (0, 0, 1)]
    assert names[0] == names[1] != names[2]


def test_one_group_cannot_be_mixed(make_piece):
    songs = [make_piece(f"song{k}", group="artist") for k in range(6)]
    assert mix_recordings(songs, 0) == []
    with pytest.raises(ValueError, match="fewer than two groups; set `mixes` to 0"):
        mix_recordings(songs, 1)
