"""Test the paired comparison of two evaluations."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from training.cli import app
from training.evaluation.compare import compare


def evaluation(noise, seeds=2, names=range(40), shift=0.0):
    """Return an evaluation whose estimates have errors of a given deviation."""
    labels = np.random.default_rng(0).uniform(-1, 1, (100, 2)) + shift
    random = np.random.default_rng(1)
    pieces = {
        f"song{k}": {
            "label": labels[k].tolist(),
            "damer": (labels[k] + noise * random.standard_normal((seeds, 2))).tolist(),
        }
        for k in names
    }
    return {"recipe": {"datasets": {"own": 1.0}}, "scores": {"own": {"pieces": pieces}}}


def rows(table):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def test_an_evaluation_has_no_gain_over_itself():
    for _, _, before, after, gain, span, pieces, seeds in rows(
        compare(evaluation(0.3), evaluation(0.3))
    ):
        assert before == after
        assert (gain, span) == ("+0.000", "+0.000 to +0.000")
        assert (pieces, seeds) == ("40", "2")


def test_a_better_evaluation_has_a_gain_with_an_interval_above_zero():
    for *_, gain, span, _, _ in rows(compare(evaluation(0.6), evaluation(0.1))):
        low, high = (float(end) for end in span.split(" to "))
        assert 0 < low <= float(gain) <= high


def test_only_pieces_of_both_evaluations_are_compared():
    table = compare(evaluation(0.2, seeds=3), evaluation(0.2, seeds=1, names=range(20, 60)))
    assert {tuple(row[-2:]) for row in rows(table)} == {("20", "1")}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (evaluation(0.2, names=range(50, 60)), "no piece in common"),
        (evaluation(0.2, shift=0.3), "labels of own differ"),
    ],
)
def test_incomparable_evaluations_are_refused(tmp_path, other, reason):
    paths = tmp_path / "one.json", tmp_path / "other.json"
    for path, content in zip(paths, (evaluation(0.2), other), strict=True):
        path.write_text(json.dumps(content), encoding="utf-8")
    result = CliRunner().invoke(app, ["compare", *map(str, paths)])
    assert result.exit_code == 1
    assert reason in result.output
