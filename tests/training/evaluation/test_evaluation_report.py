"""Test the evaluation report: one self-contained HTML file with every table and picture."""

import re

import pytest

from training.evaluation.evaluation_report import write_evaluation_report

pytestmark = [pytest.mark.train, pytest.mark.long]


@pytest.fixture(scope="module")
def html(evaluated, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "deep/report.html"
    write_evaluation_report(evaluated.found, evaluated.recipe, evaluated.cache, path)
    return path.read_text(encoding="utf-8")


def test_every_set_lists_the_baselines_below_the_network(html):
    own, extra = html.split('<h2 id="extra">')
    for name in ("mean", "Mel statistics + SVR", "DAMER"):
        # The headline, one table per axis, one of classes; auxiliary sets have only the classes.
        assert own.count(f"<td>{name}</td>") == 4
        assert extra.count(f"<td>{name}</td>") == 1


def test_numbers_equal_those_of_the_evaluation(html, evaluated):
    for axis in ("valence", "arousal"):
        ccc = evaluated.found.summary["scores"]["musemodataset"]["damer"][axis]["ccc"]
        assert f"<td>DAMER</td><td>{ccc:.2f}</td>" in html


def test_missing_values_are_dashes(html):
    assert "<td>\u2013</td>" in html
    assert "<td>nan</td>" not in html
    assert "<td>None</td>" not in html


def test_every_fit_and_every_venue_is_shown(html):
    for fold in range(2):
        for seed in range(2):
            assert f"<td>{fold}, {seed}</td>" in html
    for venue in ("as it is", "+12 dB", "another sound font"):
        assert f"<td>{venue}</td>" in html


def test_the_file_is_self_contained(html):
    assert html.count("<svg") >= 5
    assert not re.search(r"<(?:link|script|img)\b|\bsrc=", html)
