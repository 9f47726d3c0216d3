"""Published valence and arousal heads on MusiCNN's embedding."""

from pathlib import Path

import numpy as np
import pytest

from streamer.demo import PIECE as DEMO
from streamer.demo import sections
from training.sound.affect_heads import FILE, HEADS, AffectHeads, find_affect_heads
from training.sound.render import decode
from training.sound.teacher import RATE, embed

MODEL = Path(__file__).parents[3] / ".cache/musicnn.onnx"
DATA = Path(__file__).parents[4] / "shared/data"


def weights(**changes):
    """Heads whose first output is 5 + the sum of the embedding, and whose second is 5."""
    linear = {"weight": np.stack([np.ones(200), np.zeros(200)], axis=1), "bias": np.full(2, 5.0)}
    hidden = {
        "hidden_weight": np.ones((200, 100)) / 100, "hidden_bias": np.zeros(100),
        "out_weight": np.stack([np.ones(100), np.zeros(100)], axis=1), "out_bias": np.full(2, 5.0),
    }  # fmt: skip
    parts = {"deam1": linear, "emomusic1": linear, "emomusic2": hidden, "happy": hidden}
    named = {f"{head}_{key}": one for head, part in parts.items() for key, one in part.items()}
    return named | changes


def test_outputs_are_scaled_from_nine_points(tmp_path):
    np.savez(tmp_path / "heads.npz", **weights())
    found = AffectHeads(tmp_path / "heads.npz").predict(np.full((3, 200), 0.02, np.float32))
    assert found.shape == (3, len(HEADS), 2)
    assert found[..., 0] == pytest.approx(np.ones((3, 3)))  # 5 + 200 * 0.02 = 9
    assert found[..., 1] == pytest.approx(np.zeros((3, 3)))


def test_hidden_units_are_rectified(tmp_path):
    np.savez(tmp_path / "heads.npz", **weights())
    found = AffectHeads(tmp_path / "heads.npz").predict(np.full((1, 200), -0.02))
    assert found[0, :, 0] == pytest.approx([-1.0, -1.0, 0.0])


def test_missing_heads_are_named_with_their_source(tmp_path):
    with pytest.raises(ValueError, match=r"none\.npz is missing; .*essentia\.upf\.edu"):
        AffectHeads(tmp_path / "none.npz")


@pytest.mark.parametrize(
    "damage",
    [b"no archive", {"deam1_weight": np.zeros((100, 2))}, {"emomusic2_out_bias": None}],
)
def test_damaged_heads_are_named(tmp_path, damage):
    file = tmp_path / "heads.npz"
    if isinstance(damage, bytes):
        file.write_bytes(damage)
    else:
        kept = {name: one for name, one in weights(**damage).items() if one is not None}
        np.savez(file, **kept)
    with pytest.raises(ValueError, match=r"heads\.npz: it is damaged"):
        AffectHeads(file)


def test_the_digest_tells_heads_apart(make_heads):
    other = {"deam1_bias": np.full(2, 4.0)}
    assert make_heads().digest == make_heads().digest != make_heads(**other).digest


def test_missing_heads_are_none_unless_they_are_required(tmp_path):
    assert find_affect_heads([tmp_path], required=False) is None
    with pytest.raises(ValueError, match="cannot load the valence and arousal heads"):
        find_affect_heads([tmp_path], required=True)


@pytest.mark.long
def test_the_real_heads_rate_the_joyful_section_of_the_demo_highest():
    if not (DATA / FILE).is_file():
        pytest.skip(f"{DATA / FILE} is missing")
    ends, embeddings = embed(decode(DEMO, RATE), MODEL)
    heads = AffectHeads(DATA / FILE).predict(embeddings).mean(axis=1)
    inside = {one.name: (ends >= one.start + 3.0) & (ends <= one.end) for one in sections()}
    valence, arousal = (
        {name: heads[chosen, axis].mean() for name, chosen in inside.items()} for axis in (0, 1)
    )
    assert max(valence, key=valence.get) == max(arousal, key=arousal.get) == "joyful"
    assert min(valence, key=valence.get) == "sorrowful"
