"""Test short fits: reproducibility, validation, early stopping, resuming."""

import json
import math

import numpy as np
import pytest
import torch

from training.fitting import fit as module
from training.fitting.fit import fit, validate
from training.fitting.recipe_tables import Augmentation

pytestmark = pytest.mark.train
UNCHANGED = Augmentation(gain_db=0.0, equaliser_db=0.0, mask_frames=0, mask_bands=0)


@pytest.fixture(scope="module")
def sides(clips):
    return clips[::2], clips[1::2]


def weights(fitted):
    return {name: value.clone() for name, value in fitted.network.state_dict().items()}


def test_the_same_seed_gives_the_same_weights(sides, make_recipe):
    first, second = (weights(fit(*sides, make_recipe(), seed=4)) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_seed_gives_other_weights(sides, make_recipe):
    one, other = (weights(fit(*sides, make_recipe(), seed=seed)) for seed in (4, 5))
    assert not torch.equal(one["fused_head.mean.weight"], other["fused_head.mean.weight"])


def test_validation_runs_every_few_steps_and_at_the_end(sides, make_recipe):
    fitted = fit(*sides, make_recipe(steps=5, check_every=2), seed=0)
    assert [step for step, _ in fitted.history] == [2, 4, 5]
    assert all(-1.0 <= score <= 1.0 for _, score in fitted.history)


def test_the_weights_are_those_of_the_best_validation(sides, make_recipe):
    recipe = make_recipe(steps=6, check_every=1)
    fitted = fit(*sides, recipe, seed=0)
    best = max(score for _, score in fitted.history)
    assert dict(fitted.history)[fitted.step] == best
    assert validate(fitted.network, sides[1], recipe) == pytest.approx(best, abs=1e-6)


def test_without_validation_the_last_step_is_chosen(sides, make_recipe):
    fitted = fit(sides[0], [], make_recipe(), seed=0)
    assert fitted.step == 3
    assert math.isnan(fitted.history[-1][1])
    assert not fitted.validation
    assert not fitted.network.training


def test_too_few_validation_pieces_are_predicted_but_select_no_step(sides, make_recipe):
    few = [*sides[1][:2]] * 4  # two pieces, repeated
    fitted = fit(sides[0], few, make_recipe(), seed=0)
    assert fitted.step == 3
    assert len(fitted.validation) == 8


def test_validation_pieces_do_not_affect_the_weights(sides, make_recipe):
    recipe = make_recipe(check_every=100)
    with_validation, without_validation = (
        weights(fit(sides[0], side, recipe, seed=0)) for side in (sides[1], [])
    )
    assert all(
        torch.equal(with_validation[name], without_validation[name]) for name in with_validation
    )


def test_a_fit_has_predictions_of_the_validation_pieces(sides, make_recipe):
    fitted = fit(*sides, make_recipe(), seed=0)
    assert [path.piece.name for path in fitted.validation] == [clip.piece.name for clip in sides[1]]


def test_bands_are_standardised_by_the_training_split(sides, make_recipe):
    recipe = make_recipe(augmentation=UNCHANGED, cold_start=0.0)
    network = fit(sides[0], [], recipe, seed=0).network
    frames = np.concatenate([clip.frames.astype(np.float32) for clip in sides[0]])
    for tokens, part in (
        (network.mel_tokens, frames[:, :128]),
        (network.cochleagram_tokens, frames[:, 128:]),
    ):
        spread = part.std(axis=0)
        difference = (tokens.band_mean[:, 0].numpy() - part.mean(axis=0)) / spread
        assert np.abs(difference).max() < 0.5
        assert np.allclose(tokens.band_std[:, 0].numpy(), spread, rtol=0.3)


def test_a_longer_fit_learns_loudness(clips, make_recipe):
    quiet = Augmentation(gain_db=0.0, mask_frames=4)
    recipe = make_recipe(steps=60, batch=24, check_every=20, augmentation=quiet, weight_decay=0.0)
    fitted = fit(clips, clips, recipe, seed=0)
    assert fitted.history[-1][1] > 0.5


def test_a_fit_stops_early_after_patience_validations(sides, make_recipe, monkeypatch):
    scores = iter([0.1, 0.3, 0.2, 0.25, 0.9])
    monkeypatch.setattr(module, "validate", lambda *_: next(scores))
    fitted = fit(*sides, make_recipe(steps=5, check_every=1, patience=2), seed=0)
    assert fitted.history == [(1, 0.1), (2, 0.3), (3, 0.2), (4, 0.25)]
    assert fitted.step == 2


def test_a_stopped_fit_resumes_to_the_same_weights(sides, make_recipe, tmp_path):
    recipe = make_recipe(steps=4, check_every=2)

    def stop(step):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(*sides, recipe, seed=0, run=tmp_path, on_step=stop)
    done = []
    resumed = fit(*sides, recipe, seed=0, run=tmp_path, on_step=done.append)
    uninterrupted = fit(*sides, recipe, seed=0)
    assert done == [3, 4]
    assert resumed.history == uninterrupted.history
    first, second = weights(resumed), weights(uninterrupted)
    assert all(torch.equal(first[name], second[name]) for name in first)
    lines = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]


@pytest.mark.parametrize(("change", "seed"), [({"learning_rate": 1e-3}, 0), ({}, 1)])
def test_the_state_of_another_recipe_or_seed_is_refused(sides, make_recipe, tmp_path, change, seed):
    recipe = make_recipe(steps=1)
    fit(*sides, recipe, seed=0, run=tmp_path)
    with pytest.raises(ValueError, match=r"state\.pt: it is of another recipe"):
        fit(*sides, recipe.model_copy(update=change), seed=seed, run=tmp_path)


def test_a_pretrained_fit_starts_with_the_students_encoders(sides, make_recipe, pretrained):
    recipe = make_recipe(steps=1, learning_rate=1e-9, weight_decay=0.0)
    fitted = weights(fit(sides[0], [], recipe, seed=0, pretrained=pretrained))
    for name, value in fitted.items():
        if "_head." not in name:
            torch.testing.assert_close(value, pretrained.weights[f"network.{name}"])
    head = "fused_head.mean.weight"
    assert not torch.allclose(fitted[head], pretrained.weights[f"network.{head}"])
