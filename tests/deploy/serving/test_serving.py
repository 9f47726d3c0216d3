"""Test the inference server end to end: Ray Serve, TLS, passwords, several streamers, faults."""

import itertools
import json
import os
import ssl
import subprocess
import sys
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from streamer import limits
from streamer.engines import open_engine
from streamer.engines.remote import wire_format as wire
from streamer.engines.remote.remote_engine import open_remote_engine
from tests.support.mosquitto import Mosquitto
from tests.support.ray_serve import kill_tree

pytestmark = [pytest.mark.peer, pytest.mark.long, pytest.mark.timeout(180)]
PROGRAM = str(Path(sys.executable).with_name("streamer"))
TICK_MS = 250  # tick of the run, long enough for a response from a busy machine


@pytest.fixture(scope="module")
def local():
    return open_engine()


@pytest.fixture
def open_remote(served, local, monkeypatch):
    """Open remote engines with a timeout long enough for a busy server."""
    monkeypatch.setattr(limits, "INFERENCE_SERVER_TIMEOUT_S", 20.0)
    opened = []

    def open_remote(**changes):
        opened.append(open_remote_engine(served.client_table(**changes), local, None))
        return opened[-1]

    yield open_remote
    for engine in opened:
        engine.close()


def wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition not met in time"
        time.sleep(0.05)


@pytest.mark.parametrize(("precision", "tolerance"), [("single", 1e-6), ("half", 1e-3)])
def test_estimates_equal_local_ones(open_remote, local, demo_windows, precision, tolerance):
    remote = open_remote(precision=precision)
    wait_until(lambda: not remote.last_error, 20)
    assert remote.name.startswith("ONNX Runtime")
    expected, found = local.infer(*demo_windows), remote.infer(*demo_windows)
    for axis in ("valence", "arousal", "valence_std", "arousal_std"):
        np.testing.assert_allclose(getattr(found, axis), getattr(expected, axis), atol=tolerance)
    assert (remote.counts.answered, remote.counts.local) == (1, 0)


def test_concurrent_streamers_each_receive_their_own_estimates(open_remote, local, demo_windows):
    mel, cochleagram = demo_windows
    remotes = [open_remote() for _ in range(8)]
    wait_until(lambda: not any(remote.last_error for remote in remotes), 20)

    def infer_rows(number):
        rows = range(number, len(mel), 8)
        views = [(mel[k : k + 1], cochleagram[k : k + 1]) for k in rows]
        return [
            (k, remotes[number].infer(*one).valence[0]) for k, one in zip(rows, views, strict=True)
        ]

    with ThreadPoolExecutor(8) as pool:
        found = dict(pair for pairs in pool.map(infer_rows, range(8)) for pair in pairs)
    expected = local.infer(mel, cochleagram).valence
    np.testing.assert_allclose([found[k] for k in range(len(mel))], expected, atol=1e-3)
    assert sum(remote.counts.answered for remote in remotes) == len(mel)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"password": "another"}, "wrong user or password"),
        ({"user": None, "password": None}, "wrong user or password"),
        ({"ca_file": None}, "its certificate is not trusted"),
    ],
)
def test_invalid_logins_are_refused_with_the_reason(open_remote, changes, reason):
    remote = open_remote(**changes)
    assert reason in remote.last_error
    assert remote.name.startswith("ONNX Runtime")


def test_a_connection_without_tls_is_refused(open_remote, served):
    remote = open_remote(url=served.url.replace("https", "http"), ca_file=None)
    wait_until(
        lambda: (
            "closed the connection" in remote.last_error or "not a streamer" in remote.last_error
        ),
        10,
    )


def client(served, **headers):
    context = ssl.create_default_context(cafile=served.certificates.ca)
    table = served.client_table()
    credentials = f"{table.user}:{table.password.get_secret_value()}".encode()
    headers = {"Authorization": f"Basic {b64encode(credentials).decode()}", **headers}
    url = served.url.replace("https", "wss") + wire.PATH
    return connect(url, ssl=context, additional_headers=headers, proxy=None, open_timeout=60)


@pytest.mark.parametrize("message", [b"", b"\x00", b"\x00\x00\x01\x00", "text", bytes(100_000)])
def test_a_malformed_request_closes_that_connection_only(
    served, open_remote, demo_windows, message
):
    remote = open_remote()
    with client(served) as socket:
        assert json.loads(socket.recv(timeout=10))["model"] == remote.model
        socket.send(message)
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(timeout=10)
        assert caught.value.rcvd.code == 1008
    wait_until(lambda: not remote.last_error, 20)
    remote.infer(*[view[:1] for view in demo_windows])
    assert remote.counts.answered == 1


def test_an_unknown_precision_closes_the_connection(served):
    with client(served, **{wire.PRECISION: "double"}) as socket:
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(timeout=10)
        assert "single, half" in caught.value.rcvd.reason


def test_other_paths_are_refused(served):
    context = ssl.create_default_context(cafile=served.certificates.ca)
    with pytest.raises(InvalidStatus):
        connect(served.url.replace("https", "wss") + "/x", ssl=context, proxy=None)


def test_a_killed_replica_is_restarted_and_reconnected(served, open_remote, demo_windows):
    remote = open_remote()
    wait_until(lambda: not remote.last_error, 20)
    views = [view[:1] for view in demo_windows]
    processes = psutil.Process(served.process.pid).children(recursive=True)
    (replica,) = [one for one in processes if "ServeReplica" in " ".join(one.cmdline())]
    replica.kill()
    wait_until(lambda: (remote.infer(*views), remote.last_error)[1], 10)
    wait_until(lambda: not remote.last_error, 60)
    answered = remote.counts.answered
    remote.infer(*views)
    assert remote.counts.answered == answered + 1


@pytest.mark.timeout(400)
def test_a_run_continues_without_a_gap_after_the_server_is_killed(served, tmp_path):
    """Run last in this module: this test kills the server."""
    broker = Mosquitto(tmp_path)
    broker.start()
    table = served.client_table()
    variables = {
        "STREAMER_ENGINE__REMOTE__USER": table.user,
        "STREAMER_ENGINE__REMOTE__PASSWORD": table.password.get_secret_value(),
        "STREAMER_ENGINE__REMOTE__CA_FILE": str(table.ca_file),
        "STREAMER_ENGINE__REMOTE__DEADLINE_MS": str(TICK_MS - 10),
        "STREAMER_TRACKING__RATE": str(1000 // TICK_MS),
        "STREAMER_MQTT__HEALTH_INTERVAL": "1",
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path),
    }
    command = [PROGRAM, "run", "--input", "demo", "--node", "t", "--remote", served.url]
    command += ["--broker", f"mqtt://127.0.0.1:{broker.port}", "--log", "json"]
    subscribe = ["mosquitto_sub", "-p", str(broker.port), "-t", "streamer/t/main/+", "-F", "%t %p"]
    with (
        (tmp_path / "received").open("wb") as received,
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(subscribe, stdout=received) as subscriber,
        subprocess.Popen(command, cwd=tmp_path, env=os.environ | variables, stderr=log) as run,
    ):
        try:
            wait_until(lambda: len(messages(tmp_path, "va")) > 40, 90)
            wait_until(lambda: remote_of(tmp_path)["answered"] > 20, 90)
            kill_tree(served.process)
            count = len(messages(tmp_path, "va"))
            wait_until(lambda: len(messages(tmp_path, "va")) > count + 40, 90)
            wait_until(lambda: remote_of(tmp_path)["local"] > 30, 90)
        finally:
            run.terminate()
            run.wait(20)
            subscriber.terminate()
            broker.kill()
    received = messages(tmp_path, "va")
    assert {b["seq"] - a["seq"] for a, b in itertools.pairwise(received)} == {1}
    for step in (b["ts"] - a["ts"] for a, b in itertools.pairwise(received)):
        ticks = max(1, round(step / TICK_MS))  # a busy machine skips ticks
        assert step == pytest.approx(TICK_MS * ticks, abs=13)  # frames are 11.6 ms apart
    health = messages(tmp_path, "health")
    assert {one["state"] for one in health if one["remote"]["answered"] > 20} >= {"ok"}
    last = health[-1]
    assert last["state"] == "degraded"
    assert f"cannot use {served.url}" in last["reason"]
    assert last["engine"].startswith("ONNX Runtime")
    assert (last["gaps"], last["drops"]["capture"]) == (0, 0)
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert table.password.get_secret_value() not in log


def messages(folder, kind):
    found = []
    for line in (folder / "received").read_text().splitlines():
        topic, _, payload = line.partition(" ")
        if topic.endswith(f"/{kind}") and payload.endswith("}"):
            found.append(json.loads(payload))
    return found


def remote_of(folder):
    health = messages(folder, "health")
    return health[-1]["remote"] if health else {"answered": 0, "local": 0}
