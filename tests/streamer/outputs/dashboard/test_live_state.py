"""Updates for each viewer, each sent once."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.outputs.dashboard.web.live_state import MAX_POINTS, MAX_VIEWS, History, LiveState


@pytest.fixture
def state():
    return LiveState(["main", "bar"])


def test_a_new_viewer_receives_the_past_of_its_zone_and_the_last_row_of_others(state):
    state.update({"points": {"main": [[1], [2]], "bar": [[3], [4]]}, "facts": {"broker": "here"}})
    assert state.news(state.new_cursor("main", "1")) == {
        "points": {"main": [[1], [2]], "bar": [[4]]},
        "facts": {"broker": "here"},
    }


def test_no_update_is_sent_twice(state):
    state.update({"points": {"main": [[1]]}, "facts": {"broker": "here"}, "acks": [{"id": "1.1"}]})
    cursor = state.new_cursor("main", "1")
    state.news(cursor)
    assert state.news(cursor) == {}


def test_only_new_views_of_its_own_zone_are_sent(state):
    state.update({"views": {"main": ["old"]}})
    cursor = state.new_cursor("main", "1")
    state.update({"views": {"main": ["new"], "bar": ["other"]}})
    assert state.news(cursor) == {"views": ["new"]}


def test_an_answer_reaches_the_viewer_that_sent_the_command(state):
    first, second = state.new_cursor("main", "1"), state.new_cursor("main", "11")
    state.update({"acks": [{"id": "1.5", "ok": True}]})
    assert state.news(first) == {"acks": [{"id": "1.5", "ok": True}]}
    assert state.news(second) == {}


def test_only_the_newest_value_of_a_fact_is_sent(state):
    cursor = state.new_cursor("main", "1")
    state.update({"facts": {"health/main": "ok", "broker": "here"}})
    state.update({"facts": {"health/main": "silent"}})
    assert state.news(cursor)["facts"] == {"health/main": "silent", "broker": "here"}
    state.update({"facts": {"broker": "gone"}})
    assert state.news(cursor)["facts"] == {"broker": "gone"}


def test_a_slow_viewer_misses_only_the_oldest_views_and_points(state):
    cursor = state.new_cursor("main", "1")
    for number in range(2 * MAX_POINTS):
        state.update({"points": {"main": [[number]]}, "views": {"main": [number]}})
    news = state.news(cursor)
    assert news["points"]["main"] == [[n] for n in range(MAX_POINTS, 2 * MAX_POINTS)]
    assert news["views"] == list(range(2 * MAX_POINTS - MAX_VIEWS, 2 * MAX_POINTS))


def test_the_shared_encoding_equals_the_news_of_each_viewer(state):
    alone, first, second = (state.new_cursor("main", name) for name in ("1", "2", "3"))
    for number in range(5):
        state.update({"points": {"main": [[number]]}, "facts": {"n": number}})
        state.update({"acks": [{"id": "3.1"}]} if number == 2 else {})
        expected = state.news(alone)
        assert json.loads(state.encode_news(first)) == expected
        assert json.loads(state.encode_news(second)) == expected | (
            {"acks": [{"id": "3.1"}]} if number == 2 else {}
        )
    assert state.encode_news(first) == state.encode_news(second) == ""


@given(st.integers(1, 20), st.lists(st.integers(0, 9), max_size=30))
def test_a_history_returns_the_kept_items_from_a_number_on(most, sizes):
    history, all_items, position = History(most), [], 0
    for size in sizes:
        new = list(range(len(all_items), len(all_items) + size))
        history.extend(new)
        all_items += new
        assert history.since(position) == all_items[position:][-most:]
        position = history.end
    assert history.end == len(all_items)
