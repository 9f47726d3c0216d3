"""What a viewer is told, and what it is not told twice."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.outputs.dashboard.web.live_state import MOST_POINTS, MOST_VIEWS, Board, Series


@pytest.fixture
def board():
    return Board(["main", "bar"])


def test_a_new_viewer_sees_the_past_of_its_zone_and_the_last_of_the_others(board):
    board.take({"points": {"main": [[1], [2]], "bar": [[3], [4]]}, "facts": {"broker": "here"}})
    assert board.news(board.begin("main", "1")) == {
        "points": {"main": [[1], [2]], "bar": [[4]]},
        "facts": {"broker": "here"},
    }


def test_nothing_is_told_twice(board):
    board.take({"points": {"main": [[1]]}, "facts": {"broker": "here"}, "acks": [{"id": "1.1"}]})
    seen = board.begin("main", "1")
    board.news(seen)
    assert board.news(seen) == {}


def test_views_are_those_of_the_zone_and_of_now(board):
    board.take({"views": {"main": ["old"]}})
    seen = board.begin("main", "1")
    board.take({"views": {"main": ["new"], "bar": ["other"]}})
    assert board.news(seen) == {"views": ["new"]}


def test_an_answer_reaches_who_asked(board):
    first, second = board.begin("main", "1"), board.begin("main", "11")
    board.take({"acks": [{"id": "1.5", "ok": True}]})
    assert board.news(first) == {"acks": [{"id": "1.5", "ok": True}]}
    assert board.news(second) == {}


def test_of_a_fact_the_newest_is_told(board):
    seen = board.begin("main", "1")
    board.take({"facts": {"health/main": "ok", "broker": "here"}})
    board.take({"facts": {"health/main": "silent"}})
    assert board.news(seen)["facts"] == {"health/main": "silent", "broker": "here"}
    board.take({"facts": {"broker": "gone"}})
    assert board.news(seen)["facts"] == {"broker": "gone"}


def test_who_lags_behind_misses_old_views_and_old_points_only(board):
    seen = board.begin("main", "1")
    for number in range(2 * MOST_POINTS):
        board.take({"points": {"main": [[number]]}, "views": {"main": [number]}})
    news = board.news(seen)
    assert news["points"]["main"] == [[n] for n in range(MOST_POINTS, 2 * MOST_POINTS)]
    assert news["views"] == list(range(2 * MOST_POINTS - MOST_VIEWS, 2 * MOST_POINTS))


def test_what_is_written_once_for_all_is_what_each_would_be_told(board):
    alone, first, second = (board.begin("main", name) for name in ("1", "2", "3"))
    for number in range(5):
        board.take({"points": {"main": [[number]]}, "facts": {"n": number}})
        board.take({"acks": [{"id": "3.1"}]} if number == 2 else {})
        told = board.news(alone)
        assert json.loads(board.text(first)) == told
        assert json.loads(board.text(second)) == told | (
            {"acks": [{"id": "3.1"}]} if number == 2 else {}
        )
    assert board.text(first) == board.text(second) == ""


@given(st.integers(1, 20), st.lists(st.integers(0, 9), max_size=30))
def test_a_series_gives_what_is_kept_of_what_was_not_seen(most, sizes):
    series, whole, seen = Series(most), [], 0
    for size in sizes:
        new = list(range(len(whole), len(whole) + size))
        series.add(new)
        whole += new
        assert series.since(seen) == whole[seen:][-most:]
        seen = series.end
    assert series.end == len(whole)
