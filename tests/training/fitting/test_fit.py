"""A fit in three steps: what it gives, and that it gives it again."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from training.fitting.fit import fit, scale_deviations, validate
from training.judging.baselines import score_baselines
from training.judging.evaluate import evaluate, write_json
from training.judging.predict import trajectory

pytestmark = [
    pytest.mark.train,
    # A set of one label a clip has no moments, so the mean over its seeds is a mean of nothing.
    pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning"),
]


@pytest.fixture(autouse=True)
def one_thread():
    """Fits repeat to the bit with one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


def test_validation_is_looked_at_now_and_then_and_at_the_end(sides, make_recipe):
    fitted = fit(*sides, make_recipe(steps=5, check_every=2), seed=0)
    assert [step for step, _ in fitted.history] == [2, 4, 5]
    assert all(-1.0 <= score <= 1.0 for _, score in fitted.history)


def test_the_weights_are_those_of_the_best_look(sides, make_recipe):
    recipe = make_recipe(steps=6, check_every=1)
    fitted = fit(*sides, recipe, seed=0)
    best = max(score for _, score in fitted.history)
    assert dict(fitted.history)[fitted.step] == best
    assert validate(fitted.network, sides[1], recipe) == pytest.approx(best, abs=1e-6)


def test_without_validation_the_last_step_is_taken(sides, make_recipe):
    fitted = fit(sides[0], [], make_recipe(), seed=0)
    assert fitted.step == 3
    assert math.isnan(fitted.history[-1][1])
    assert torch.equal(fitted.network.fused_head.std_scale, torch.ones(2))
    assert not fitted.network.training


def test_validation_pieces_change_nothing_but_the_choice_and_the_deviations(sides, make_recipe):
    recipe = make_recipe(check_every=100)
    watched, alone = (weights(fit(sides[0], side, recipe, seed=0)) for side in (sides[1], []))
    changed = {name for name in watched if not torch.equal(watched[name], alone[name])}
    assert changed <= {"fused_head.std_scale"}


def test_bands_are_standardised_by_the_training_split(sides, make_recipe):
    recipe = make_recipe(gain_db=0.0, equaliser_db=0.0, mask_frames=0, mask_bands=0, cold_start=0.0)
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


def test_scaled_deviations_have_standardised_errors_of_one(sides, make_recipe):
    recipe = make_recipe()
    network = fit(sides[0], [], recipe, seed=0).network
    paths = [trajectory(network, clip, 0.5, recipe.front_end) for clip in sides[1]]
    scale_deviations(network, paths)
    after = [trajectory(network, clip, 0.5, recipe.front_end) for clip in sides[1]]
    ratios = np.concatenate([(path.mean - path.labels()) / path.std for path in after])
    assert np.mean(ratios**2, axis=0) == pytest.approx([1.0, 1.0], rel=1e-3)


def test_a_longer_fit_hears_how_loud_it_is(clips, make_recipe):
    recipe = make_recipe(steps=60, batch=24, check_every=20, gain_db=0.0, weight_decay=0.0)
    fitted = fit(clips, clips, recipe, seed=0)
    assert fitted.history[-1][1] > 0.5


@pytest.fixture(scope="module")
def collection(tmp_path_factory, make_piece, make_sound, write_wave):
    """Twenty-four recorded clips in twelve groups, louder where arousal is higher."""
    folder = tmp_path_factory.mktemp("collection")
    random = np.random.default_rng(0)
    pieces = []
    for number in range(24):
        valence, arousal = random.uniform(-0.8, 0.8, 2)
        sound = make_sound(valence, arousal, seconds=1.6, seed=number)
        pieces.append(
            make_piece(
                f"clip{number}",
                group=f"group{number // 2}",
                source=write_wave(folder / f"clip{number}.wav", sound),
                valence=[valence],
                arousal=[arousal],
            )
        )
    return pieces


@pytest.fixture(scope="module")
def cross_validated(collection, make_recipe, tmp_path_factory):
    recipe = make_recipe(sound_fonts=["none.sf2"])
    cache = tmp_path_factory.mktemp("cache")
    return (
        evaluate(recipe, collection, [], cache, folds=2, seeds=[0, 1], jobs=1),
        score_baselines(recipe, collection, cache, folds=2),
    )


def test_every_fold_is_fitted_with_every_seed(cross_validated):
    result, _ = cross_validated
    assert [(one["seed"], one["fold"]) for one in result["fits"]] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    assert all(1 <= one["step"] <= 3 for one in result["fits"])


def test_the_result_says_who_was_in_which_fold(cross_validated, collection):
    result, _ = cross_validated
    assert set(result["folds"]["musemodataset"]) == {piece.group for piece in collection}
    assert set(result["folds"]["musemodataset"].values()) == {0, 1}


def test_every_piece_is_judged_once_on_both_axes(cross_validated, collection):
    table = cross_validated[0]["scores"]["musemodataset"]
    assert len(table["pieces"]) == len(collection)
    assert len(table["by_seed"]) == 2
    for axis in ("valence", "arousal"):
        low, high = table["ccc_interval_over_pieces"][axis]
        assert low <= table["mean_over_seeds"][axis]["ccc"] <= high
        for width in ("80", "95"):
            assert all(0.0 <= share <= 1.0 for share in table["coverage_smoothed"][width])


def test_the_smoothers_settings_and_the_response_come_with_it(cross_validated):
    result, _ = cross_validated
    assert all(drift > 0 for drift in result["smoothing"]["drift"])
    assert all(scale > 0 for scale in result["smoothing"]["deviation_scale"])
    assert result["response_63"]["raw"] is not None
    assert result["response_63"]["smoothed"] is not None
    assert [one["lag"] is None for one in result["fits"]] == [True, True, False, False]


def test_the_baselines_stand_beside_it(cross_validated):
    table = cross_validated[1]["musemodataset"]
    assert set(table) == {"mean", "mel statistics + SVR"}
    assert table["mean"]["arousal"]["ccc"] == pytest.approx(0.0, abs=0.3)
    assert table["mel statistics + SVR"]["arousal"]["ccc"] > 0.5
    assert set(table["mean"]["valence"]) == {"ccc", "r2", "rmse", "r"}


def test_a_result_is_written_as_json_to_four_decimals(cross_validated, tmp_path):
    write_json(cross_validated[0], tmp_path / "deep/result.json")
    read = json.loads((tmp_path / "deep/result.json").read_text(encoding="utf-8"))
    written = read["scores"]["musemodataset"]["mean_over_seeds"]["arousal"]["ccc"]
    exact = cross_validated[0]["scores"]["musemodataset"]["mean_over_seeds"]["arousal"]["ccc"]
    assert written == round(exact, 4)


def test_the_file_is_json_for_every_reader(cross_validated, tmp_path):
    def refuse(constant):
        raise ValueError(constant)

    write_json(cross_validated[0], tmp_path / "result.json")
    json.loads((tmp_path / "result.json").read_text(encoding="utf-8"), parse_constant=refuse)


def test_other_pieces_are_not_answered_with_an_old_result(collection, make_recipe, tmp_path):
    recipe = make_recipe(sound_fonts=["none.sf2"], steps=1)
    before, after = (
        evaluate(recipe, pieces, [], tmp_path, folds=2, seeds=[0], jobs=1)
        for pieces in (collection, collection[:20])
    )
    assert len(before["scores"]["musemodataset"]["pieces"]) == 24
    assert len(after["scores"]["musemodataset"]["pieces"]) == 20


def test_auxiliary_pieces_are_fitted_to_and_never_judged(collection, make_recipe, tmp_path):
    recipe = make_recipe(sound_fonts=["none.sf2"], steps=1, auxiliary={"extra": 0.5})
    extra = [replace(piece, dataset="extra") for piece in collection[:4]]
    result = evaluate(recipe, collection, extra, tmp_path, folds=2, seeds=[0], jobs=1)
    assert set(result["scores"]) == set(result["folds"]) == {"musemodataset"}
