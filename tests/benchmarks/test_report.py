"""Tables and pictures of benchmarks/README.md match results.json."""

import json

import pytest

from benchmarks import report
from benchmarks.compare import compare
from benchmarks.pictures import draw_peers, draw_stages, draw_zones

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def found():
    return json.loads(report.RESULTS.read_text(encoding="utf-8"))


def test_every_table_matches_the_results(found):
    text = report.README.read_text(encoding="utf-8")
    for name, table in report.TABLES.items():
        assert f"<!-- {name} -->\n{table(found[name])}\n<!-- end -->" in text
    peers = report.peers_table(found["peers"], report.accuracies(found))
    assert f"<!-- peers -->\n{peers}\n<!-- end -->" in text


def test_results_are_written_to_page_and_pictures(found, tmp_path, monkeypatch):
    page, kept = tmp_path / "README.md", tmp_path / "results.json"
    page.write_text(report.README.read_text(encoding="utf-8").replace("0", "x"))
    monkeypatch.setattr(report, "README", page)
    monkeypatch.setattr(report, "RESULTS", kept)
    monkeypatch.setattr(report, "PICTURES", tmp_path / "pictures")
    new = tmp_path / "new.json"
    new.write_text(json.dumps(found))
    report.main(new)
    assert json.loads(kept.read_text()) == found
    assert report.TABLES["zones"](found["zones"]) in page.read_text()
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {
        "peers.png", "stages.png", "zones.png",
    }  # fmt: skip


def test_a_missing_peer_is_named(found):
    peers = {**found["peers"], "VibeNet": {"missing": "no network"}}
    accuracy = report.accuracies(found)
    assert "| VibeNet | missing |" in report.peers_table(peers, accuracy)
    assert draw_peers(peers, accuracy).axes


def test_pictures_show_every_result(found):
    stages, zones = draw_stages(found["stages"]), draw_zones(found["zones"])
    assert len(stages.axes[0].patches) == 6 * len(found["stages"])
    assert len(zones.axes[0].lines[0].get_xdata()) == len(found["zones"])


def test_comparison_pairs_numbers_by_their_path():
    before = {"a": {"ms": 2.0, "name": "x"}, "gone": 1, "zero": 0}
    after = {"a": {"ms": 3.0, "name": "y"}, "new": 1, "zero": 0}
    assert compare(before, after) == [("a / ms", 2.0, 3.0, 1.5), ("zero", 0.0, 0.0, 1.0)]
