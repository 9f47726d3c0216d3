"""YAMNet's mood and sound classes as a teacher."""

from pathlib import Path

import numpy as np
import pytest

from streamer.demo import PIECE as DEMO
from training.sound.render import decode
from training.sound.tagger import CLASSES, FILE, Tagger, find_tagger
from training.sound.teacher import RATE, cut_audio_windows

DATA = Path(__file__).parents[4] / "shared/data"


@pytest.fixture(scope="module")
def tagger():
    if not (DATA / FILE).is_file():
        pytest.skip(f"{DATA / FILE} is missing")
    return Tagger(DATA / FILE)


def scores(tagger, audio):
    """Mean score of each class over windows."""
    _, log_odds = tagger.tag(audio)
    return dict(zip(CLASSES, (1 / (1 + np.exp(-log_odds))).mean(axis=0), strict=True))


def test_a_missing_tagger_is_named_with_its_source(tmp_path):
    with pytest.raises(ValueError, match=r"yamnet\.tflite is missing; get it from kaggle\.com"):
        find_tagger([tmp_path])


@pytest.mark.parametrize("content", [b"", b"no network"])
def test_a_damaged_tagger_is_named(tmp_path, content):
    (tmp_path / "yamnet.tflite").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot load .*yamnet\.tflite: it is damaged"):
        Tagger(tmp_path / "yamnet.tflite")


def test_another_network_is_refused(tagger, tmp_path, monkeypatch):
    monkeypatch.setattr("training.sound.tagger._PATCH", 8000)
    other = tmp_path / "other.tflite"
    other.write_bytes((DATA / FILE).read_bytes())
    with pytest.raises(ValueError, match="it is not YAMNet"):
        Tagger(other)


def test_a_window_is_tagged_at_the_end_of_a_window_of_musicnn(tagger):
    audio = decode(DEMO, RATE)[: 8 * RATE]
    ends, log_odds = tagger.tag(audio)
    assert ends == pytest.approx(cut_audio_windows(audio)[1])
    assert log_odds.shape == (2, len(CLASSES))
    _, first = tagger.tag(audio[: 3 * RATE])
    np.testing.assert_allclose(first[0], log_odds[0], rtol=1e-4)


def test_music_and_silence_are_told_apart(tagger):
    music = scores(tagger, decode(DEMO, RATE)[: 30 * RATE])
    silence = scores(tagger, np.zeros(3 * RATE, np.float32))
    assert music["music"] > 0.8 > 0.2 > music["silence"]
    assert silence["silence"] > 0.8 > 0.2 > silence["music"]
