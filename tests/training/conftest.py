"""Fixtures: synthetic audio whose loudness and pitch follow its labels, small recipes."""

import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from damer.nn import NetworkSize
from damer.views import FrontEnd, FrontEndSpec
from training.datasets import Piece
from training.fitting.recipe import FitRecipe
from training.fitting.recipe_tables import Augmentation
from training.sound.affect_heads import AffectHeads
from training.sound.published import PublishedModels
from training.sound.renditions import RECORDED, Rendition

RATE = FrontEndSpec().sample_rate


@pytest.fixture(scope="session")
def make_piece():
    """Make a piece with one label, or with labels at given times."""

    def make(name="song", **values):
        one = {"times": [0.0], "valence": [0.0], "arousal": [0.0], **values}
        arrays = {
            key: np.array(one.pop(key), dtype=float) for key in ("times", "valence", "arousal")
        }
        rest = {"dataset": "musemodataset", "group": name, "source": Path(f"{name}.wav"), **one}
        return Piece(name=name, **rest, **arrays)

    return make


@pytest.fixture(scope="session")
def make_audio():
    """Make noise whose loudness follows arousal, with a tone whose pitch follows valence."""

    def make(valence, arousal, seconds=2.0, seed=0):
        random = np.random.default_rng(seed)
        time = np.arange(round(seconds * RATE)) / RATE
        tone = np.sin(2 * np.pi * 600.0 * 4.0**valence * time)
        loudness = 0.1 * 4.0**arousal
        return (loudness * (tone + 0.3 * random.standard_normal(len(time)))).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def make_rendition(make_piece, make_audio):
    """Make a clip with one label, as frames of the front end."""

    def make(name, valence=0.0, arousal=0.0, seconds=2.0, **values):
        piece = make_piece(name, valence=[valence], arousal=[arousal], **values)
        audio = make_audio(valence, arousal, seconds, seed=sum(name.encode()))
        frames = np.concatenate(FrontEnd(FrontEndSpec()).push(audio), axis=1)
        return Rendition(piece, RECORDED, frames.astype(np.float16))

    return make


@pytest.fixture(scope="session")
def clips(make_rendition):
    """Twelve clips of two seconds, valence and arousal from -0.6 to 0.6."""
    return [
        make_rendition(f"clip {valence} {arousal}", valence, arousal)
        for valence in (-0.6, 0.0, 0.6)
        for arousal in (-0.6, -0.2, 0.2, 0.6)
    ]


@pytest.fixture(scope="session")
def make_heads(tmp_path_factory):
    """Make heads: valence of all three is the mean of the embedding, arousal is 0."""

    def make(**changes):
        slope = np.stack([np.full(200, 4 / 200), np.zeros(200)], axis=1)  # nine points to [-1, 1]
        linear = {"weight": slope, "bias": np.full(2, 5.0)}
        hidden = {
            "hidden_weight": np.ones((200, 1)), "hidden_bias": np.full(1, 1e4),
            "out_weight": np.array([[4 / 200, 0.0]]), "out_bias": np.array([5.0 - 200.0, 5.0]),
        }  # fmt: skip
        parts = {"deam1": linear, "emomusic1": linear, "emomusic2": hidden}
        named = {f"{head}_{key}": one for head, part in parts.items() for key, one in part.items()}
        file = tmp_path_factory.mktemp("heads") / "heads.npz"
        np.savez(file, **(named | changes))
        return AffectHeads(file)

    return make


@pytest.fixture(scope="session")
def published(make_heads):
    """Heads, and a tagger that cannot tag."""
    return PublishedModels(make_heads(), FakeTagger())


class FakeTagger:
    """A tagger of which nothing but the digest is used."""

    digest = "fake"


@pytest.fixture(scope="session")
def make_recipe():
    """Make a recipe that is fitted within seconds."""

    def make(**values):
        small = {
            "name": "tiny",
            "window_frames": 43,
            "datasets": {"musemodataset": 1.0},
            "renderings": [],
            "steps": 3,
            "batch": 8,
            "warmup": 1,
            "check_every": 2,
            "augmentation": Augmentation(mask_frames=4),
            "network": NetworkSize(width=8, heads=2, token_frames=8, dropout=0.1),
        }
        return FitRecipe(**{**small, **values})

    return make


@pytest.fixture(scope="session")
def write_wave():
    """Write mono samples as a 16-bit WAVE file."""

    def write(path, samples, rate=RATE):
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
        return path

    return write


@pytest.fixture(scope="session")
def assert_alike():
    """Compare weights that must be equal except for rounding.

    The bias of an attention's keys is excluded: it has no effect on the output, its gradient is
    rounding error alone, and Adam scales that to full steps.
    """

    def compare(one, other):
        assert one.keys() == other.keys()
        for name, value in one.items():
            part = slice(len(value) // 2 if name.endswith("key_value.bias") else 0, None)
            assert torch.allclose(value[part], other[name][part], rtol=0.0, atol=1e-5), name

    return compare
