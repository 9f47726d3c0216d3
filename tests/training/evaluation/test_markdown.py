"""Test the model card's tables against the evaluation's numbers."""

import json

import pytest

from training.datasets import AXES
from training.evaluation.markdown import markdown
from training.reports import write_json

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def text(evaluated, tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "summary.json"
    write_json(evaluated.found.summary, path)
    return markdown(json.loads(path.read_text(encoding="utf-8")))


def tables(text):
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines()]
        for part in text.split("\n\n")
        if part.startswith("|")
    ]


def test_every_row_has_as_many_cells_as_its_header(text):
    for table in tables(text):
        assert {len(row) for row in table} == {len(table[0])}


def test_the_headline_is_the_mean_over_data_sets(text, evaluated):
    rows = {row[0]: row[1:] for row in tables(text)[0][2:]}
    scores = evaluated.found.summary["scores"]["musemodataset"]
    assert rows["**DAMER**"] == [f"{scores['damer'][axis]['ccc']:.2f}" for axis in AXES]
    assert set(rows) == {"**DAMER**", "mean", "Mel statistics + SVR"}


def test_the_network_is_compared_with_every_baseline(text, evaluated):
    scores = evaluated.found.summary["scores"]["musemodataset"]
    rows = {(row[1], row[2]): row[3] for row in tables(text)[1][2:]}
    for axis in ("valence", "arousal"):
        assert rows[axis, "**DAMER**"] == f"{scores['damer'][axis]['ccc']:.2f}"
        assert rows[axis, "mean"] == f"{scores['ladder']['mean'][axis]['ccc']:.2f}"


def test_missing_values_are_dashes(text):
    assert all(row[9] == "-" for row in tables(text)[1][2:])
    assert "nan" not in text
    assert "None" not in text


def test_venues_have_the_difference_to_unprocessed_audio(text):
    rows = {row[1]: row[3] for row in tables(text)[-1][2:]}
    assert rows["as it is"].endswith("(+0.00)")
    assert set(rows) == {"as it is", "+12 dB", "another sound font"}
