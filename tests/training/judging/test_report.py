"""Tables of an evaluation."""

import numpy as np
import pytest

from training.judging.report import coverage_table, differences_table, fits_table, scores_table

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.uniform(-1.0, 1.0, (20, 2)).tolist()
OURS = (np.array(LABELS) + 0.1 * RANDOM.standard_normal((20, 2))).tolist()
THEIRS = RANDOM.uniform(-1.0, 1.0, (20, 2)).tolist()
NUMBERS = {"ccc": 0.76, "r2": 0.5, "rmse": 0.2, "r": 0.8}


@pytest.fixture
def evaluation():
    def axis(inside):
        return {**NUMBERS, "moment_ccc": 0.6, "within_piece_r": inside}

    def table(inside):
        return {
            "mean_over_seeds": {name: axis(inside) for name in ("valence", "arousal")},
            "by_seed": [{name: axis(inside) for name in ("valence", "arousal")}] * 3,
            "ccc_interval_over_pieces": {"valence": [0.7, 0.8], "arousal": [0.7, 0.8]},
            "ccc_interval_over_groups": {"valence": [0.6, 0.8], "arousal": [0.6, 0.8]},
            "pieces": {
                f"song{k}": {"label": LABELS[k], "by_seed": [OURS[k]] * 3} for k in range(20)
            },
            "coverage_raw": {"80": [0.81, 0.79], "95": [0.95, 0.94]},
            "coverage_smoothed": {"80": [0.82, 0.8], "95": [0.96, 0.95]},
        }

    return {"scores": {"vgmidi": table(0.3), "musemodataset": table(None)}}


@pytest.fixture
def compared():
    both = {"valence": NUMBERS, "arousal": NUMBERS}
    pieces = {f"song{k}": THEIRS[k] for k in range(20)}
    models = {"mean": both, "mel statistics + SVR": {**both, "pieces": pieces}}
    return {"vgmidi": models, "musemodataset": models}


def rows(table):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_every_model_has_a_row_for_each_data_set_and_axis(evaluation, compared):
    header, _, *body = rows(scores_table(evaluation, compared))
    assert len(body) == 2 * 2 * 3
    assert {len(row) for row in body} == {len(header)}
    assert {row[2].strip("*") for row in body} == {"DAMER", "mean", "mel statistics + SVR"}


def test_what_has_no_value_is_a_dash(evaluation, compared):
    _, _, *body = rows(scores_table(evaluation, compared))
    within = {(row[0], row[2].strip("*")): row[-1] for row in body}
    assert within["vgmidi", "DAMER"] == "0.30"
    assert within["musemodataset", "DAMER"] == within["vgmidi", "mean"] == "-"


def test_a_better_model_is_above_the_svr_by_more_than_the_interval(evaluation, compared):
    _, _, *body = rows(differences_table(evaluation, compared))
    assert len(body) == 4
    for _, _, gain, interval in body:
        low, high = (float(end) for end in interval.split(" to "))
        assert 0.0 < low < float(gain) < high


def test_every_seed_is_shown(evaluation):
    _, _, *body = rows(fits_table(evaluation))
    assert [row[2] for row in body] == ["0.760, 0.760, 0.760"] * 4


def test_coverage_is_shown_raw_and_smoothed(evaluation):
    _, _, *body = rows(coverage_table(evaluation))
    assert body[0] == ["vgmidi", "raw", "0.81 / 0.79", "0.95 / 0.94"]
    assert len(body) == 4
