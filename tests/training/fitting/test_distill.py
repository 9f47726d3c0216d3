"""Test distillation: a student learns to predict its teacher's embeddings."""

import numpy as np
import pytest
import torch

from damer.nn import NetworkSize
from training.fitting.distill import distill, explained_variance, target_errors
from training.fitting.recipe import DistillRecipe
from training.fitting.recipe_tables import Augmentation
from training.fitting.sampling import DistillationSampler
from training.fitting.targets import TargetGroup

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def recipe():
    return DistillRecipe(
        name="tiny",
        window_frames=43,
        pool=["musemodataset"],
        steps=60,
        batch=24,
        learning_rate=5e-3,
        weight_decay=0.0,
        warmup=5,
        averaging=0.9,
        check_every=20,
        augmentation=Augmentation(gain_db=0.0, equaliser_db=0.0, mask_frames=0, mask_bands=0),
        network=NetworkSize(width=16, heads=2, token_frames=8, dropout=0.0),
    )


@pytest.fixture(scope="module")
def sampler(clips, recipe):
    """Clips with embeddings that are a fixed linear mixture of their labels."""
    mixture = np.random.default_rng(0).standard_normal((2, 200)).astype(np.float32)
    embeddings = []
    for clip in clips:
        ends = np.array([1.0, 1.5, 1.9])
        labels = np.tile(clip.piece.mean_label, (3, 1)).astype(np.float32)
        embeddings.append((ends, labels @ mixture))
    return DistillationSampler(clips, embeddings, recipe.front_end)


def test_a_student_explains_the_embeddings(sampler, recipe):
    student, trained = distill(sampler, sampler, recipe, seed=0)
    assert trained.history[-1][1] > 0.5
    assert trained.history[-1][1] > trained.history[0][1]
    assert not student.training


def test_every_head_predicts_an_embedding(sampler, recipe):
    student, _ = distill(sampler, None, recipe.model_copy(update={"steps": 1}), seed=0)
    batch = sampler.select(np.arange(4))
    output, predictions = student(batch.mel, batch.cochleagram)
    assert predictions.shape == (3, 4, 200)
    assert output.embedding.shape == output.mel_embedding.shape == (4, 16)


def test_explained_variance_is_logged_for_each_data_set(sampler, recipe):
    _, trained = distill(sampler, sampler, recipe.model_copy(update={"steps": 20}), seed=0)
    assert trained.diagnostics[-1].keys() == {"explained_musemodataset"}


def test_targets_after_the_embedding_weigh_as_the_recipe_says():
    groups = (TargetGroup("one", 200, 1.0), TargetGroup("two", 6, 0.5), TargetGroup("three", 1, 3))
    predictions = torch.zeros(3, 4, 207)
    predictions[0, :, :200] = 1.0
    predictions[1, :, 200:206] = 2.0
    predictions[2, :, 206] = 1.0
    errors = target_errors(predictions, torch.zeros(4, 207), groups)
    assert errors.tolist() == [1.0, 2.0, 3.0]


def test_a_student_learns_further_targets(clips, sampler, recipe):
    affect = [np.tile(clip.piece.mean_label, (3, 3)).astype(np.float32) for clip in clips]
    embeddings = [np.zeros((3, 200), np.float32) for _ in clips]
    ends = np.array([1.0, 1.5, 1.9])
    targets = [
        (ends, np.concatenate(pair, axis=1)) for pair in zip(embeddings, affect, strict=True)
    ]
    with_affect = DistillationSampler(clips, targets, recipe.front_end)
    chosen = recipe.model_copy(update={"affect_loss": 1.0})
    student, _ = distill(with_affect, None, chosen, seed=0)
    batch = with_affect.select(np.arange(len(with_affect)))
    with torch.inference_mode():
        _, predictions = student(batch.mel, batch.cochleagram)
    assert predictions.shape == (3, len(with_affect), 206)
    assert explained_variance(predictions[0, :, 200:], batch.target[:, 200:]) > 0.5


def test_explained_variance_is_about_the_mean():
    target = torch.randn(50, 3) + 5.0
    assert explained_variance(target, target) == 1.0
    assert explained_variance(target.mean(dim=0).expand(50, 3), target) == pytest.approx(
        0.0, abs=1e-6
    )


def test_without_validation_the_last_step_is_chosen(sampler, recipe):
    short = recipe.model_copy(update={"steps": 3})
    _, trained = distill(sampler, None, short, seed=0)
    assert trained.step == 3


def test_the_same_seed_gives_the_same_student(sampler, recipe):
    torch.set_num_threads(1)
    short = recipe.model_copy(update={"steps": 3})
    one, other = (distill(sampler, None, short, seed=1)[0].state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
