"""MusiCNN as `make teacher` gives it, and the student that the repository holds."""

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

MODEL = Path(__file__).parents[3] / ".cache/musicnn.onnx"


@pytest.fixture(scope="module")
def heard():
    """What MusiCNN finds in the demo."""
    return embed(decode(DEMO, RATE), MODEL)


def test_a_window_of_three_seconds_ends_each_two_seconds(heard):
    ends, embeddings = heard
    assert embeddings.shape == (len(ends), EMBEDDING_SIZE)
    assert ends[0] == pytest.approx(2.992)
    assert np.diff(ends) == pytest.approx(2.0)
    assert ends[-1] <= len(decode(DEMO, RATE)) / RATE + 0.02


def test_what_follows_a_window_changes_nothing_in_it(heard):
    sound = decode(DEMO, RATE)
    _, part = embed(sound[: 8 * RATE], MODEL)
    np.testing.assert_allclose(part[:2], heard[1][:2], rtol=1e-3, atol=1e-3)


def test_a_sound_shorter_than_a_window_has_one_that_ends_with_it():
    ends, embeddings = embed(np.zeros(RATE, dtype=np.float32), MODEL)
    assert ends == pytest.approx([1.0])
    assert embeddings.shape == (1, EMBEDDING_SIZE)


def test_a_missing_teacher_is_named_with_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="make teacher"):
        embed(np.zeros(RATE, dtype=np.float32), tmp_path / "none.onnx")


def test_the_student_predicts_its_teacher_on_unseen_music(heard):
    ends, embeddings = heard
    content = load_checkpoint(PRETRAINED_DIR / "venue-student.pt")
    recipe = DistillRecipe(**content["recipe"])
    student = Student(DAMER(recipe.network)).eval()
    weights = {name: value.float() for name, value in content["weights"].items()}
    student.load_state_dict(weights, strict=False)
    spec = recipe.front_end
    frames = FrontEnd(spec).push(decode(DEMO, spec.sample_rate))
    last = np.minimum((ends * spec.sample_rate / spec.hop).astype(int), len(frames.mel))
    chosen = [k for k, end in enumerate(last) if end >= spec.window_frames]
    views = [
        torch.from_numpy(np.stack([view[last[k] - spec.window_frames : last[k]].T for k in chosen]))
        for view in frames
    ]
    with torch.inference_mode():
        answers = student(*views)[1][0].numpy()
    wanted = (embeddings[chosen] - content["mean"].numpy()) / content["std"].numpy()
    explained = 1 - np.mean((answers - wanted) ** 2) / np.mean(wanted**2)
    assert explained > 0.4
