"""Test reading of unlabelled music: every audio file of sufficient duration."""

import av
import numpy as np
import pytest

from training.datasets import unlabelled
from training.datasets.unlabelled import read_recordings, read_unlabelled
from training.sound.render import decode

RATE = 8000


@pytest.fixture
def folder(tmp_path, write_wave, put, monkeypatch):
    """Audio files of 0.1 to 1.5 s, a broken one, a link and a text file; minimum duration 1 s."""
    monkeypatch.setattr(unlabelled, "_MIN_SECONDS", 1.0)
    for name, seconds in (
        ("game/a/tune", 1.0),
        ("game/b/tune", 1.5),
        ("game/hit", 0.1),
        ("top", 1),
    ):
        write_wave(tmp_path / f"{name}.wav", np.zeros(round(seconds * RATE)), RATE)
    put("game/broken.ogg", "no sound")
    put("game/empty.wav")
    put("game/credits.txt", "names")
    (tmp_path / "game/again.wav").symlink_to(tmp_path / "top.wav")
    return tmp_path


def test_long_enough_files_are_read_once(folder):
    names = [piece.name for piece in read_unlabelled(folder)]
    assert names == ["game/a/tune.wav", "game/b/tune.wav", "top.wav"]


def test_the_group_is_the_top_level_folder(folder):
    assert [piece.group for piece in read_unlabelled(folder)] == ["game", "game", "top.wav"]


def test_there_are_no_labels(folder):
    for piece in read_unlabelled(folder):
        assert piece.dataset == "unlabelled"
        assert len(piece.times) == len(piece.valence) == len(piece.arousal) == 0


def test_files_shorter_than_30_s_are_skipped(folder, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(ValueError, match="has no audio file of 30 s"):
        read_unlabelled(folder)


def test_an_empty_folder_raises(tmp_path):
    with pytest.raises(ValueError, match="has no audio file of 30 s"):
        read_unlabelled(tmp_path)


def test_a_tag_that_is_not_utf8_is_ignored(folder):
    path = folder / "game/old.wav"
    audio = (folder / "top.wav").read_bytes()
    name = b"INAM\x06\x00\x00\x00caf\xe9s\x00"
    path.write_bytes(audio + b"LIST" + (4 + len(name)).to_bytes(4, "little") + b"INFO" + name)
    with pytest.raises(UnicodeDecodeError), av.open(str(path)):
        pass
    assert "game/old.wav" in [piece.name for piece in read_unlabelled(folder)]
    assert len(decode(path, RATE)) == RATE


def test_excerpts_of_one_song_are_one_group(tmp_path, write_wave, monkeypatch):
    monkeypatch.setattr(unlabelled, "_MIN_SECONDS", 1.0)
    for name in ("TR-A-0", "TR-A-1", "TRB-0", "single"):
        write_wave(tmp_path / f"{name}.wav", np.zeros(RATE), RATE)
    groups = {piece.name: piece.group for piece in read_recordings(tmp_path)}
    assert groups == {
        "TR-A-0.wav": "TR-A", "TR-A-1.wav": "TR-A", "TRB-0.wav": "TRB", "single.wav": "single",
    }  # fmt: skip
