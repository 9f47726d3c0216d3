"""Test cross-validated evaluation: every piece is predicted by networks not trained on it."""

import json

import pytest

from training.evaluation.cross_validation import cross_validate
from training.reports import write_json

pytestmark = [pytest.mark.train, pytest.mark.long]
AXES = ("valence", "arousal")


@pytest.fixture(scope="module")
def summary(evaluated):
    return evaluated.found.summary


@pytest.fixture(scope="module")
def table(summary):
    return summary["scores"]["musemodataset"]


def test_every_fold_is_fitted_with_every_seed(summary):
    fits = summary["fits"]
    assert [(one["seed"], one["fold"]) for one in fits] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert all(1 <= step <= 3 for one in fits for step in one["steps"])


def test_the_summary_has_the_fold_of_each_group(summary, collection):
    folds = summary["folds"]["musemodataset"]
    assert set(folds) == {piece.group for piece in collection}
    assert set(folds.values()) == {0, 1}
    assert summary["folds"]["extra"].items() <= folds.items()


def test_no_step_is_chosen_by_test_pieces(evaluated, summary):
    folds = summary["folds"]["musemodataset"]
    for one in evaluated.found.results:
        chosen, tested = (
            {path.piece.group for path in paths} for paths in (one.validation, one.test)
        )
        assert {folds[group] for group in tested} == {one.fold}
        assert not chosen & tested


def test_every_piece_is_evaluated_once_on_both_axes(table, collection):
    assert len(table["pieces"]) == len(collection)
    assert len(table["by_seed"]) == 2
    for axis in AXES:
        low, high = table["interval"][axis]["pieces"]
        assert low <= table["damer"][axis]["ccc"] <= high


def test_wider_intervals_cover_a_larger_share_of_the_labels(summary):
    for kind in ("raw", "smoothed"):
        for axis in AXES:
            narrow, wide = (
                summary["coverage"]["musemodataset"][kind][width][axis]["share"]
                for width in ("80", "95")
            )
            assert 0.0 <= narrow <= wide <= 1.0


def test_the_summary_has_smoother_settings_and_response_times(summary):
    assert all(drift > 0 for drift in summary["smoothing"]["drift"])
    assert all(scale > 0 for scale in summary["smoothing"]["deviation_scale"])
    assert summary["response_63"]["raw"] is not None
    assert summary["response_63"]["smoothed"] is not None


def test_the_summary_has_the_baselines(table):
    ladder = table["ladder"]
    assert set(ladder) == set(table["above"]) == {"mean", "Mel statistics + SVR"}
    assert ladder["mean"]["arousal"]["ccc"] == pytest.approx(0.0, abs=0.3)
    assert ladder["Mel statistics + SVR"]["arousal"]["ccc"] > 0.5
    assert {"ccc", "r2", "rmse", "r", "accuracy"} <= set(ladder["mean"]["valence"])


def test_the_gain_is_the_difference_of_ccc(table):
    for name, scores in table["ladder"].items():
        for axis in AXES:
            above = table["above"][name][axis]
            seeds = [one[axis]["ccc"] for one in table["by_seed"]]
            assert above["gain"] == pytest.approx(sum(seeds) / 2 - scores[axis]["ccc"])
            assert above["pieces"][0] <= above["gain"] <= above["pieces"][1]


def test_an_auxiliary_set_is_evaluated_by_signs_and_not_used_for_selection(evaluated, summary):
    extra = summary["scores"]["extra"]
    assert len(extra["pieces"]) == 12
    assert 0.0 <= extra["quadrant"]["damer"]["accuracy"] <= 1.0
    assert "interval" not in extra
    assert "above" not in extra
    assert set(summary["coverage"]) == set(summary["venues"]) == {"musemodataset"}
    for one in evaluated.found.results:
        assert {path.piece.dataset for path in one.validation} == {"musemodataset"}


def test_venues_are_the_simulated_ones_and_the_unprocessed_audio(summary):
    venues = summary["venues"]["musemodataset"]
    assert set(venues) == {"as it is", "+12 dB", "another sound font"}
    assert venues["another sound font"] == venues["as it is"]  # recorded audio has no sound font
    assert venues["+12 dB"] != venues["as it is"]


def test_a_result_is_written_as_json_to_four_decimals(summary, table, tmp_path):
    write_json(summary, tmp_path / "deep/result.json")
    read = json.loads((tmp_path / "deep/result.json").read_text(encoding="utf-8"))
    written = read["scores"]["musemodataset"]["damer"]["arousal"]["ccc"]
    assert written == round(table["damer"]["arousal"]["ccc"], 4)


def test_the_file_has_no_nan_or_infinity(summary, tmp_path):
    def reject(constant):
        raise ValueError(constant)

    write_json(summary, tmp_path / "result.json")
    json.loads((tmp_path / "result.json").read_text(encoding="utf-8"), parse_constant=reject)


def test_a_written_recipe_is_read_back_unchanged(make_recipe, tmp_path):
    recipe = make_recipe(learning_rate=1.25e-5).model_dump(mode="json")
    write_json({"recipe": recipe}, tmp_path / "result.json")
    read = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert read["recipe"] == recipe


def test_a_cached_result_is_used_for_the_same_pieces_only(collection, make_recipe, tmp_path):
    recipe = make_recipe(steps=1)
    before, again, after = (
        cross_validate(recipe, pieces, tmp_path, folds=2, seeds=[0], jobs=1)
        for pieces in (collection[:12], collection[:12], collection[:10])
    )
    assert sum(len(one.test) for one in before) == 12
    assert [one.seconds for one in again] == [one.seconds for one in before]
    assert sum(len(one.test) for one in after) == 10
