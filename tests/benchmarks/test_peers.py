"""Contestants run in turn, and a missing one is named."""

import pytest

from benchmarks.peers import contest
from benchmarks.peers.contest import OURS, OURS_VIEWS, Contestant, measure_peers

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def found():
    broken = Contestant("broken", "protocol", "affect")  # ends without a word
    absent = Contestant("absent", "absent", "affect", argument=contest.ROOT / "nowhere.onnx")
    patch = pytest.MonkeyPatch()
    patch.setattr(contest, "CONTESTANTS", (OURS_VIEWS, OURS, broken, absent))
    yield measure_peers(rounds=2)
    patch.undo()


@pytest.mark.long
def test_each_is_compared_with_ours_of_the_same_result(found):
    assert found[OURS.name]["ratio"] == found[OURS_VIEWS.name]["ratio"] == 1
    assert found[OURS.name]["start_seconds"] > 0
    assert 0 < found[OURS_VIEWS.name]["ms"]["p50"] < found[OURS.name]["ms"]["p50"] < 50
    assert found[OURS.name]["updates"] >= 6


def test_peak_memory_is_that_of_the_contestant(found):
    assert 50 < found[OURS.name]["peak_mb"] < 400


def test_a_missing_contestant_is_named_with_the_reason(found):
    assert "ended" in found["broken"]["missing"]
    assert "nowhere.onnx is missing" in found["absent"]["missing"]
