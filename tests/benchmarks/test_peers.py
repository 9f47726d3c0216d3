"""Contestants are driven as the contest says, and one that cannot be had is named."""

import pytest

from benchmarks.peers import contest
from benchmarks.peers.contest import OURS, OURS_VIEWS, Contestant, measure_peers


@pytest.fixture(scope="module")
def found():
    broken = Contestant("broken", "protocol", "affect")  # ends without a word
    absent = Contestant("absent", "absent", "affect", argument=contest.ROOT / "nowhere.onnx")
    patch = pytest.MonkeyPatch()
    patch.setattr(contest, "CONTESTANTS", (OURS_VIEWS, OURS, broken, absent))
    yield measure_peers(rounds=2)
    patch.undo()


@pytest.mark.long
def test_each_is_beside_ours_that_computes_the_same(found):
    assert found[OURS.name]["ratio"] == found[OURS_VIEWS.name]["ratio"] == 1
    assert found[OURS.name]["start_seconds"] > 0
    assert 0 < found[OURS_VIEWS.name]["ms"]["p50"] < found[OURS.name]["ms"]["p50"] < 50
    assert found[OURS.name]["updates"] >= 6


def test_memory_is_its_own(found):
    assert 50 < found[OURS.name]["peak_mb"] < 400


def test_who_cannot_be_had_is_named_with_the_reason(found):
    assert "ended" in found["broken"]["missing"]
    assert "nowhere.onnx is missing" in found["absent"]["missing"]
