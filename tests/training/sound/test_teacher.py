"""Test the MusiCNN teacher of `make teacher` and the shipped student."""

from pathlib import Path

import numpy as np
import pytest
import torch

from damer.nn import DAMER
from damer.views import FrontEnd
from streamer.demo import PIECE as DEMO
from training.fitting.checkpoint import load_checkpoint
from training.fitting.distill import Student
from training.fitting.pretrained import PRETRAINED_DIR
from training.fitting.recipe import DistillRecipe
from training.sound.render import decode
from training.sound.teacher import EMBEDDING_SIZE, RATE, embed

pytestmark = pytest.mark.long  # MusiCNN has to be converted first
MODEL = Path(__file__).parents[3] / ".cache/musicnn.onnx"


@pytest.fixture(scope="module")
def teacher_output():
    """MusiCNN's embeddings of the demo piece, with the ends of their windows in seconds."""
    return embed(decode(DEMO, RATE), MODEL)


def test_three_second_windows_follow_one_another(teacher_output):
    ends, embeddings = teacher_output
    assert embeddings.shape == (len(ends), EMBEDDING_SIZE)
    assert ends[0] == pytest.approx(2.992)
    assert np.diff(ends) == pytest.approx(2.992)
    assert ends[-1] <= len(decode(DEMO, RATE)) / RATE + 0.02


def test_an_embedding_does_not_depend_on_later_audio(teacher_output):
    audio = decode(DEMO, RATE)
    _, part = embed(audio[: 8 * RATE], MODEL)
    np.testing.assert_allclose(part[:2], teacher_output[1][:2], rtol=1e-3, atol=1e-3)


def test_audio_shorter_than_a_window_has_one_embedding_at_its_end():
    ends, embeddings = embed(np.zeros(RATE, dtype=np.float32), MODEL)
    assert ends == pytest.approx([1.0])
    assert embeddings.shape == (1, EMBEDDING_SIZE)


def test_a_missing_teacher_error_names_the_make_target(tmp_path):
    with pytest.raises(FileNotFoundError, match="make teacher"):
        embed(np.zeros(RATE, dtype=np.float32), tmp_path / "none.onnx")


def test_the_student_predicts_the_teachers_embeddings_on_unseen_music(teacher_output):
    ends, embeddings = teacher_output
    checkpoint = load_checkpoint(PRETRAINED_DIR / "venue-student.pt")
    recipe = DistillRecipe(**checkpoint["recipe"])
    student = Student(DAMER(recipe.network)).eval()
    weights = {name: value.float() for name, value in checkpoint["weights"].items()}
    student.load_state_dict(weights, strict=False)
    spec = recipe.front_end
    frames = FrontEnd(spec).push(decode(DEMO, spec.sample_rate))
    last = np.minimum((ends * spec.sample_rate / spec.hop).astype(int), len(frames.mel))
    full = [k for k, end in enumerate(last) if end >= spec.window_frames]
    views = [
        torch.from_numpy(np.stack([view[last[k] - spec.window_frames : last[k]].T for k in full]))
        for view in frames
    ]
    with torch.inference_mode():
        predictions = student(*views)[1][0].numpy()
    target = (embeddings[full] - checkpoint["mean"].numpy()) / checkpoint["std"].numpy()
    explained = 1 - np.mean((predictions - target) ** 2) / np.mean(target**2)
    assert explained > 0.4
