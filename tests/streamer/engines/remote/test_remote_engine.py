"""A server's estimates, and local ones whenever the server misses the deadline."""

import sys
import time

import numpy as np
import pytest

from streamer import limits
from streamer.config.models import Remote
from streamer.engines import open_engine
from streamer.engines.remote import connection_thread
from streamer.engines.remote.connection import Connection
from streamer.engines.remote.remote_engine import open_remote_engine
from streamer.errors import ConfigError, EngineError
from tests.streamer.engines.remote.conftest import SHORT_DEADLINE_MS

PASSWORD = "hush-hush"  # noqa: S105 - a test's own


def until(true, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


def outcomes(engine):
    counts = engine.counts
    return counts.answered, counts.late, counts.failed, counts.local


def assert_same_estimates(one, other, tolerance=0.0):
    for axis in ("valence", "arousal", "valence_std", "arousal_std"):
        np.testing.assert_allclose(getattr(one, axis), getattr(other, axis), atol=tolerance)


@pytest.mark.parametrize(("precision", "tolerance"), [("single", 1e-6), ("half", 1e-3)])
def test_remote_estimates_equal_local_ones(
    engine, server, connect, random_windows, precision, tolerance
):
    remote = connect(server.url, precision=precision)
    for count in (1, 5):
        views = random_windows(count)
        assert_same_estimates(remote.infer(*views), engine.infer(*views), tolerance)
    assert outcomes(remote) == (2, 0, 0, 0)
    assert len(remote.counts.seconds) == 2
    assert remote.name == f"a GPU, at {server.url}"
    assert remote.last_error == ""
    assert (remote.model, remote.front_end) == (engine.model, engine.front_end)


def test_a_late_estimate_is_computed_locally_in_the_same_tick(
    engine, server, connect, random_windows, monkeypatch
):
    monkeypatch.setattr(limits, "INFERENCE_SERVER_TIMEOUT_S", 60.0)
    remote = connect(server.url, deadline_ms=SHORT_DEADLINE_MS)
    views = random_windows(1)
    server.released.clear()
    assert_same_estimates(remote.infer(*views), engine.infer(*views), 1e-6)  # and does not hang
    assert outcomes(remote) == (0, 1, 0, 1)
    assert remote.name.startswith("a GPU")
    server.released.set()
    until(lambda: (remote.infer(*views), remote.counts.answered)[1] == 1)
    assert remote.counts.late == 1


def test_a_server_that_is_always_late_is_not_used_until_it_is_fast_again(
    server, connect, random_windows
):
    remote = connect(server.url, deadline_ms=SHORT_DEADLINE_MS)
    views = random_windows(1)
    server.delay = 1.2e-3 * SHORT_DEADLINE_MS
    until(lambda: (remote.infer(*views), remote.last_error)[1])
    assert remote.counts.late == connection_thread.MAX_CONSECUTIVE_MISSES
    assert "did not answer in time 3 times in a row" in remote.last_error
    until(lambda: "takes longer than 200 ms" in remote.last_error)
    before = outcomes(remote)
    remote.infer(*views)
    assert outcomes(remote) == (*before[:3], before[3] + 1)  # no request was sent
    server.delay = 0.0
    until(lambda: not remote.last_error)
    answered = remote.counts.answered
    until(lambda: (remote.infer(*views), remote.counts.answered)[1] > answered)


def test_a_lost_server_is_replaced_at_once_and_used_again_after_its_return(
    engine, server, connect, random_windows, caplog
):
    caplog.set_level("INFO", "streamer")
    remote, views = connect(server.url), random_windows(2)
    remote.infer(*views)
    server.stop()
    for _ in range(3):
        assert_same_estimates(remote.infer(*views), engine.infer(*views), 1e-6)
    until(lambda: "connection refused" in remote.last_error)
    assert remote.name == engine.name
    assert f"cannot use {server.url}: " in remote.last_error
    server.start()
    until(lambda: not remote.last_error)
    assert_same_estimates(remote.infer(*views), engine.infer(*views), 1e-3)
    assert remote.counts.answered == 2
    assert remote.counts.local == 3
    logged = [record.message for record in caplog.records if "a GPU" in record.message]
    assert len(logged) == 2


def test_a_server_that_is_away_at_the_start_is_no_error(engine, server, connect, random_windows):
    server.stop()
    remote = connect(server.url)
    assert "connection refused" in remote.last_error
    assert_same_estimates(remote.infer(*random_windows(1)), engine.infer(*random_windows(1)))
    server.start()
    until(lambda: not remote.last_error)


def test_a_server_with_other_weights_is_not_used(server, connect, random_windows):
    server.description = {"engine": "a GPU", "weights": "0" * 64}
    remote = connect(server.url)
    assert "it runs other weights (000000000000, here " in remote.last_error
    remote.infer(*random_windows(1))
    assert outcomes(remote) == (0, 0, 0, 1)
    assert server.request_sizes == []


@pytest.mark.parametrize("description", ["hello", "[]", '{"engine": 1}', "x" * 100_000])
def test_another_kind_of_server_is_reported(server, connect, description):
    server.description = description
    error = connect(server.url).last_error
    assert "not a streamer inference server" in error or "closed the connection" in error


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda response: response[:-1], id="short"),
        pytest.param(lambda response: response * 2, id="long"),
        pytest.param(lambda response: b"\xff" * len(response), id="not finite"),
        pytest.param(lambda _: "the GPU is on fire", id="refused"),
    ],
)
def test_invalid_responses_are_discarded(engine, server, connect, random_windows, change):
    remote, views = connect(server.url), random_windows(1)
    valid, server.change_response = server.change_response, change
    for _ in range(5):
        assert_same_estimates(remote.infer(*views), engine.infer(*views), 1e-6)
    assert remote.counts.local == 5
    server.change_response = valid
    until(lambda: (remote.infer(*views), remote.counts.answered)[1] >= 1)


def test_a_server_that_hangs_is_dropped_and_reconnected(
    server, connect, random_windows, monkeypatch
):
    remote = connect(server.url, deadline_ms=SHORT_DEADLINE_MS)
    views = random_windows(1)
    monkeypatch.setattr(limits, "INFERENCE_SERVER_TIMEOUT_S", 0.5)
    server.released.clear()
    for _ in range(10):
        remote.infer(*views)
    assert outcomes(remote) == (0, 1, 0, 10)  # only the first one waited
    until(lambda: "it does not answer" in remote.last_error)
    server.released.set()
    until(lambda: not remote.last_error)


def test_more_windows_than_a_request_holds_are_computed_locally(
    engine, server, connect, random_windows
):
    remote, views = connect(server.url), random_windows(65)
    assert_same_estimates(remote.infer(*views), engine.infer(*views), 1e-6)
    assert outcomes(remote) == (0, 0, 0, 1)
    assert remote.last_error == ""


def test_an_unexpected_exception_leads_to_a_reconnect(server, connect, monkeypatch):
    remote = connect(server.url)
    monkeypatch.setattr(Connection, "ping", lambda _: 1 / 0)
    monkeypatch.setattr(connection_thread, "_PING_AFTER", 0.01)
    until(lambda: "ZeroDivisionError" in remote.last_error)
    monkeypatch.undo()
    until(lambda: not remote.last_error)


def test_a_missing_websockets_package_is_named(connect, monkeypatch):
    monkeypatch.setitem(sys.modules, "streamer.engines.remote.connection", None)
    with pytest.raises(EngineError, match=r'pip install "damer-streamer\[remote\]"'):
        connect("http://127.0.0.1:9")


def test_an_idle_connection_is_pinged(server, connect, monkeypatch):
    monkeypatch.setattr(connection_thread, "_PING_AFTER", 0.05)
    remote = connect(server.url)
    server.stop()
    until(lambda: remote.last_error)


def test_the_password_is_sent_to_the_server_only(server, connect, log):
    remote = connect(server.url, user="stage", password=PASSWORD)
    assert server.headers["authorization"] == "Basic c3RhZ2U6aHVzaC1odXNo"
    assert "hush" not in log.text + repr(remote) + remote.name


def test_an_unencrypted_password_is_warned_about(log):
    remote = Remote(url="http://192.0.2.1:9", user="stage", password=PASSWORD)
    open_remote_engine(remote, open_engine(), None).close()
    assert "goes to http://192.0.2.1:9 unencrypted" in log.text


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"password": "x"}, "has a password but no user"),
        ({"ca_file": "x.pem"}, "ca_file is for TLS, but the server is http://127.0.0.1:9"),
    ],
)
def test_conflicting_keys_are_refused(table, reason):
    with pytest.raises(ConfigError, match=reason):
        open_remote_engine(Remote(url="http://127.0.0.1:9", **table), open_engine(), None)
