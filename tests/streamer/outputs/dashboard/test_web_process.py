"""Queue of updates for the dashboard process: bounded, and every fact is delivered."""

import logging
import threading

import pytest

from streamer.child import supervisor
from streamer.outputs.dashboard.web_process import MAX_PENDING_POINTS, PendingUpdates, WebProcess

pytestmark = pytest.mark.long


def test_every_update_is_returned_once():
    pending = PendingUpdates()
    pending.add_point("main", (1, 0.5))
    pending.add_views("main", {"mel": "", "cochleagram": ""})
    pending.add_ack({"id": "1"})
    pending.set_fact("broker", "here")
    assert pending.pop(0) == {
        "points": {"main": [(1, 0.5)]},
        "views": {"main": [{"mel": "", "cochleagram": ""}]},
        "acks": [{"id": "1"}],
        "facts": {"broker": "here"},
    }
    assert pending.pop(0) == {}


def test_an_unchanged_fact_is_not_sent_again():
    pending = PendingUpdates()
    pending.set_fact("broker", "here")
    pending.pop(0)
    pending.set_fact("broker", "here")
    assert pending.pop(0) == {}
    pending.set_fact("broker", None)
    assert pending.pop(0) == {"facts": {"broker": None}}


def test_a_new_process_receives_every_fact():
    pending = PendingUpdates()
    pending.set_fact("broker", "here")
    pending.set_fact("lights", [])
    pending.pop(0)
    pending.resend_facts()
    assert pending.pop(0) == {"facts": {"broker": "here", "lights": []}}


def test_the_newest_points_are_kept():
    pending = PendingUpdates()
    for number in range(3 * MAX_PENDING_POINTS):
        pending.add_point("main", (number,))
    rows = pending.pop(0)["points"]["main"]
    assert rows == [(number,) for number in range(2 * MAX_PENDING_POINTS, 3 * MAX_PENDING_POINTS)]


def test_pop_returns_once_an_update_is_added():
    pending = PendingUpdates()
    threading.Timer(0.05, pending.set_fact, ("broker", "here")).start()
    assert pending.pop(60.0) == {"facts": {"broker": "here"}}


@pytest.mark.parametrize("payload", ["7", "[]", '"ready"', "null", "{"])
def test_a_message_that_is_not_an_object_restarts_the_process(
    payload, tmp_path, monkeypatch, caplog
):
    script = tmp_path / "server.py"
    script.write_text(
        "import os, struct, sys, time\n"
        "def send(payload):\n"
        "    sys.stdout.buffer.write(struct.pack('=cI', b'J', len(payload)) + payload)\n"
        "    sys.stdout.flush()\n"
        "first = not os.path.exists(sys.argv[1])\n"
        "open(sys.argv[1], 'w').close()\n"
        "send(b'{\"ready\": true}')\n"
        f'send({payload.encode()!r} if first else b\'{{"watched": ["main"]}}\')\n'
        "time.sleep(60)\n"
    )
    spawn = supervisor.spawn_python
    monkeypatch.setattr(
        supervisor, "spawn_python", lambda *_: spawn(str(script), str(tmp_path / "started"))
    )
    received, again = [], threading.Event()

    def receive(message):
        received.append(message)
        if message == {"watched": ["main"]}:
            again.set()

    process = WebProcess({"host": "127.0.0.1", "port": 1}, PendingUpdates(), receive)
    with caplog.at_level(logging.WARNING):
        process.start()
        try:
            assert again.wait(30)
        finally:
            process.close()
    assert "it sent an invalid message" in caplog.text
    assert received == [{"watched": []}, {"watched": ["main"]}]
