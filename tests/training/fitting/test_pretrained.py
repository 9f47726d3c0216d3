"""Test storage of a pretrained student, and its match with the network's size."""

import numpy as np
import pytest
import torch

from damer.nn import DAMER, NetworkSize
from training.fitting import pretrained as module
from training.fitting.distill import Student, distill
from training.fitting.pretrained import Pretrained, load_pretrained, save_pretrained
from training.fitting.recipe import DistillRecipe
from training.fitting.recipe_tables import Augmentation
from training.fitting.sampling import DistillationSampler


@pytest.fixture
def recipe():
    return DistillRecipe(
        name="first",
        window_frames=43,
        pool=["unlabelled"],
        steps=1,
        batch=4,
        augmentation=Augmentation(mask_frames=4),
        network=NetworkSize(width=8, heads=2, token_frames=8),
    )


@pytest.fixture
def student(recipe, monkeypatch, tmp_path):
    """Save a student in the folder where recipes look for it."""
    torch.manual_seed(3)
    numbers = np.random.default_rng(0).uniform(1, 2, (2, 200)).astype(np.float32)
    one = Pretrained(Student(DAMER(recipe.network)).state_dict(), *numbers, {("unlabelled", "a")})
    monkeypatch.setattr(module, "PRETRAINED_DIR", tmp_path)
    save_pretrained(one, recipe, 0, 0.5, tmp_path / "first.pt")
    return one


def test_a_saved_student_is_loaded_unchanged(student, make_recipe):
    loaded = load_pretrained(make_recipe(pretrained="first"))
    kept = {name: value for name, value in student.weights.items() if "_head." not in name}
    assert set(loaded.weights) == set(kept)
    for name, value in kept.items():
        torch.testing.assert_close(loaded.weights[name], value, rtol=1e-3, atol=1e-3)
    assert np.array_equal(loaded.mean, student.mean)
    assert np.array_equal(loaded.std, student.std)
    assert loaded.held_out == student.held_out


def test_without_a_student_nothing_is_loaded(make_recipe):
    assert load_pretrained(make_recipe()) is None


@pytest.mark.usefixtures("student")
def test_another_size_is_refused(make_recipe):
    other = make_recipe(pretrained="first", network=NetworkSize(width=16, heads=2, token_frames=8))
    with pytest.raises(ValueError, match=r"network\.width is 16, but 8 in first\.pt"):
        load_pretrained(other)


@pytest.mark.train
def test_distillation_starts_from_a_student(student, recipe, clips):
    embeddings = [(np.array([1.0, 1.9]), np.ones((2, 200), dtype=np.float32)) for _ in clips]
    sampler = DistillationSampler(clips, embeddings, recipe.front_end, (student.mean, student.std))
    slow = recipe.model_copy(update={"learning_rate": 1e-9, "weight_decay": 0.0})
    loaded, _ = distill(sampler, None, slow, seed=0, pretrained=student)
    for name, value in student.weights.items():
        torch.testing.assert_close(loaded.state_dict()[name], value)
