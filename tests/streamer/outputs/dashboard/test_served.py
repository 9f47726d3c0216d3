"""Dashboard of a real run: updates, commands, hostile viewers."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import aiomqtt
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from streamer import limits
from streamer.outputs.dashboard.ipc import POINT_COLUMNS
from tests.streamer.outputs.dashboard.conftest import (
    PROGRAM,
    lateness,
    news,
    received,
    serves,
    status,
    until,
    watched_run,
)

pytestmark = pytest.mark.peer


def ask(viewer, name, value, number="1"):
    viewer.send(json.dumps({"zone": "main", "name": name, "value": value, "id": number}))


def command(viewer, name, value, number="1"):
    """Send a command, and return its answer."""
    ask(viewer, name, value, number)
    return news(viewer, "acks")[0]


def confirmed(viewer, name, value, **wanted):
    """Send a command, and return its answer once the controls are these, too."""
    ask(viewer, name, value)
    answers, facts = [], {}
    for content in received(viewer):
        answers += content.get("acks", [])
        facts |= content.get("facts", {})
        if answers and wanted.items() <= facts.get("controls/main", {}).items():
            return answers[0]
    return None


def flood(viewer):
    """Send commands until the server disconnects."""
    for number in range(100_000):
        viewer.send(
            json.dumps({"zone": "main", "name": "freeze", "value": "off", "id": str(number)})
        )


def test_a_viewer_receives_all_data_that_the_page_draws(run):
    wanted = {"health/bar", "controls/main", "source/main", "broker", "lights"}
    facts, points, views = {}, [], []
    with run.viewer() as viewer:
        hello = json.loads(viewer.recv())["hello"]
        for content in received(viewer):
            facts |= content.get("facts", {})
            points += content.get("points", {}).get("main", [])
            views += content.get("views", [])
            if wanted <= facts.keys() and points and views:
                break
    assert (hello["node"], hello["zones"]) == ("hall", ["main", "bar"])
    row = dict(zip(POINT_COLUMNS, points[-1], strict=True))
    assert abs(row["time"] / 1e3 - time.time()) < 2
    assert -1 <= row["arousal"] <= 1
    assert set(views[0]) == {"mel", "cochleagram"}
    assert facts["broker"]["connected"]
    assert facts["lights"] == {"fixtures": [], "troubles": {}}


def test_a_viewer_receives_at_most_twenty_messages_per_second(run):
    with run.viewer() as viewer:
        news(viewer, "points")
        started, messages = time.monotonic(), 0
        while time.monotonic() - started < 3:
            viewer.recv(timeout=2)
            messages += 1
    assert 20 <= messages <= 63


def test_views_are_sent_for_watched_zones(run):
    with run.viewer("bar") as viewer:
        views = [news(viewer, "views") for _ in range(5)]
    assert views


def test_a_command_changes_tracking_and_is_confirmed_here_and_over_mqtt(run):
    async def frozen():
        async with aiomqtt.Client("127.0.0.1", run.broker.port) as client:
            await client.subscribe("streamer/hall/main/#")
            with run.viewer() as viewer:
                answer = await asyncio.to_thread(confirmed, viewer, "freeze", "on", freeze=True)
                payloads = {"va": [], "ack": []}
                async with asyncio.timeout(10):
                    async for message in client.messages:
                        kind = str(message.topic).split("/")[3]
                        payloads.get(kind, []).append(json.loads(message.payload))
                        if len(payloads["va"]) > 8 and payloads["ack"]:
                            break
                await asyncio.to_thread(command, viewer, "freeze", "off", "2")
            return answer, payloads

    answer, payloads = asyncio.run(frozen())
    assert answer["ok"]
    assert answer["id"] == payloads["ack"][0]["id"].removeprefix("dashboard.")
    assert len({(each["valence"], each["arousal"]) for each in payloads["va"][-4:]}) == 1


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("rate", "quick", "send a number from 0.1 to 20"),
        ("smoothing", "butter", "is invalid"),
        ("explode", "now", "there is no command"),
        ("calibrate", "1", "is invalid"),
    ],
)
def test_an_invalid_command_is_refused_with_the_reason(run, name, value, reason):
    with run.viewer() as viewer:
        answer = command(viewer, name, value)
    assert not answer["ok"]
    assert reason in answer["reason"]


def test_an_unknown_zone_is_not_found(run):
    assert status(f"{run.address}/zone/kitchen") == 404
    with pytest.raises(InvalidStatus), run.viewer("kitchen"):
        pass


def test_a_flood_of_commands_disconnects_and_tracking_continues(run):
    with run.viewer() as watcher:
        news(watcher, "points")
        for _ in range(10):
            with run.viewer() as viewer, pytest.raises(ConnectionClosed):
                flood(viewer)
        until(lambda: lateness(watcher) < 1)


def test_a_viewer_that_does_not_read_delays_no_other(run):
    stalled = socket.create_connection(("127.0.0.1", run.port))
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.sendall(
        b"GET /live/main HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % (run.port, run.port)
    )
    with run.viewer() as viewer:
        started = time.monotonic()
        late = []
        while time.monotonic() - started < 3:
            late.append(lateness(viewer))
    stalled.close()
    assert max(late) < 1


def test_the_server_survives_invalid_requests(run):
    for rubbish in (b"\x00" * 5000, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000, b"GET /\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", run.port)) as guest:
            guest.settimeout(5)
            guest.sendall(rubbish)
            guest.shutdown(socket.SHUT_WR)
            while guest.recv(4096):
                pass
    assert serves(run.address)


def test_idle_connections_do_not_exhaust_the_tracker(run):
    with contextlib.ExitStack() as guests:
        with contextlib.suppress(OSError):
            for _ in range(limits.DASHBOARD_OPEN_FILES + 50):
                guests.enter_context(socket.create_connection(("127.0.0.1", run.port), timeout=2))
        assert run.process.poll() is None
    until(lambda: serves(run.address))


def test_a_killed_dashboard_is_restarted(run):
    killed = run.dashboard_pid()
    os.kill(killed, signal.SIGKILL)
    until(lambda: run.dashboard_pid() not in (None, killed))
    until(lambda: serves(run.address))
    with run.viewer() as viewer:
        assert news(viewer, "facts")["broker"]["connected"]
        news(viewer, "points")
    assert "the dashboard ended and starts again" in run.log.read_text()


def test_a_hanging_dashboard_does_not_delay_estimates(run):
    dashboard_pid = run.dashboard_pid()
    os.kill(dashboard_pid, signal.SIGSTOP)

    async def latencies():
        async with (
            aiomqtt.Client("127.0.0.1", run.broker.port) as client,
            asyncio.timeout(10),
        ):
            await client.subscribe("streamer/hall/main/va")
            messages = aiter(client.messages)
            return [json.loads((await anext(messages)).payload)["latency_ms"] for _ in range(30)]

    try:
        assert max(asyncio.run(latencies())) < 1000
    finally:
        os.kill(dashboard_pid, signal.SIGCONT)
    with run.viewer() as viewer:
        until(lambda: lateness(viewer) < 1)


def test_an_address_in_use_is_an_error_at_startup(run):
    ended = subprocess.run(
        [PROGRAM, "run", "--dashboard", "--dashboard-listen", f"127.0.0.1:{run.port}", "--no-view"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 1
    assert "cannot serve the dashboard at 127.0.0.1:" in ended.stderr
    assert "address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_another_address_needs_a_token():
    ended = subprocess.run(
        [PROGRAM, "run", "--dashboard", "--dashboard-listen", "0.0.0.0:0", "--no-view"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 2
    assert "HOST:PORT" in ended.stderr or "token" in ended.stderr


def test_the_process_ends_with_the_run(tmp_path):
    with watched_run(tmp_path) as run:
        dashboard_pid = run.dashboard_pid()
        assert dashboard_pid is not None
        run.process.kill()
        until(lambda: _is_over(dashboard_pid))


def _is_over(pid):
    """Whether a process has ended; it may not be reaped yet."""
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"
