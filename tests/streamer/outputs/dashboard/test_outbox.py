"""What waits for a process that does not read stays small, and what counts is not lost."""

import threading
import time

from streamer.outputs.dashboard.web_process import MOST_POINTS, Outbox


def test_everything_is_told_once():
    outbox = Outbox()
    outbox.point("main", (1, 0.5))
    outbox.view("main", {"mel": "", "cochleagram": ""})
    outbox.ack({"id": "1"})
    outbox.fact("broker", "here")
    assert outbox.take(0) == {
        "points": {"main": [(1, 0.5)]},
        "views": {"main": [{"mel": "", "cochleagram": ""}]},
        "acks": [{"id": "1"}],
        "facts": {"broker": "here"},
    }
    assert outbox.take(0) == {}


def test_a_fact_that_stays_is_not_told_again():
    outbox = Outbox()
    outbox.fact("broker", "here")
    outbox.take(0)
    outbox.fact("broker", "here")
    assert outbox.take(0) == {}
    outbox.fact("broker", None)
    assert outbox.take(0) == {"facts": {"broker": None}}


def test_another_process_is_told_every_fact():
    outbox = Outbox()
    outbox.fact("broker", "here")
    outbox.fact("lights", [])
    outbox.take(0)
    outbox.renew()
    assert outbox.take(0) == {"facts": {"broker": "here", "lights": []}}


def test_of_too_much_the_newest_is_kept():
    outbox = Outbox()
    for number in range(3 * MOST_POINTS):
        outbox.point("main", (number,))
    rows = outbox.take(0)["points"]["main"]
    assert rows == [(number,) for number in range(2 * MOST_POINTS, 3 * MOST_POINTS)]


def test_who_waits_is_woken():
    outbox = Outbox()
    begun = time.monotonic()
    threading.Timer(0.05, outbox.fact, ("broker", "here")).start()
    assert outbox.take(10.0) == {"facts": {"broker": "here"}}
    assert time.monotonic() - begun < 5
