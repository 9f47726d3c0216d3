"""Test the report of rater agreement: tables, numbers and pictures."""

import json

import numpy as np
import pytest

from training.annotation.agreement_report import write_agreement_report
from training.annotation.reliability import compare_label_methods
from training.reports import write_json

pytestmark = pytest.mark.long


@pytest.fixture
def report(make_ratings, tmp_path):
    ratings = make_ratings(8, 2)
    ways = compare_label_methods(ratings, rounds=3)
    return ways, write_agreement_report(ratings, ways, tmp_path / "deep/raters.html"), tmp_path


def test_the_report_has_tables_and_pictures(report):
    ways, _, folder = report
    html = (folder / "deep/raters.html").read_text(encoding="utf-8")
    assert html.count("<svg") == 4
    assert all(html.count(way.name) >= 2 for way in ways)


def test_the_numbers_equal_the_measured_ones(report):
    ways, summary, folder = report
    write_json(summary, folder / "raters.json")
    read = json.loads((folder / "raters.json").read_text(encoding="utf-8"))
    assert read["pieces"] > 1
    for way in ways:
        for k, axis in enumerate(("valence", "arousal")):
            one = read["ways"][way.name][axis]
            assert one["within"] == pytest.approx(way.within[k], abs=1e-4)
            assert one["above_plain"] == pytest.approx(way.within[k] - ways[0].within[k], abs=1e-4)
            low, high = one["interval"]
            assert low <= one["above_plain"] + 1e-4
            assert high >= one["above_plain"] - 1e-4
    assert read["ways"]["plain mean"]["valence"]["interval"] == [0.0, 0.0]


def test_raters_with_gaps_are_plotted(make_ratings, tmp_path):
    ratings = make_ratings(8, 2)
    ratings[0].values[0] = np.nan
    ratings[1].values[2, ::2] = np.nan
    summary = write_agreement_report(
        ratings, compare_label_methods(ratings, rounds=2), tmp_path / "raters.html"
    )
    assert 0 < summary["ways"]["weighed"]["kept"] <= 1.0
