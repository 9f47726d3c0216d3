"""A server's answers, and the engine here in its place whenever they are not in time."""

import sys
import time

import numpy as np
import pytest

from streamer import limits
from streamer.config.models import Remote
from streamer.engines import open_engine
from streamer.engines.remote import connection_thread as link
from streamer.engines.remote.connection import Connection
from streamer.engines.remote.remote_engine import open_remote_engine
from streamer.errors import ConfigError, EngineError
from tests.streamer.engines.remote.conftest import DEADLINE

PASSWORD = "hush-hush"  # noqa: S105 - of nobody
SLACK = 0.1  # seconds that a machine under load may need for an estimate of its own


def until(true, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


def outcomes(engine):
    counts = engine.counts
    return counts.answered, counts.late, counts.failed, counts.local


def same(one, other, tolerance=0.0):
    for axis in ("valence", "arousal", "valence_std", "arousal_std"):
        np.testing.assert_allclose(getattr(one, axis), getattr(other, axis), atol=tolerance)


@pytest.mark.parametrize(("precision", "tolerance"), [("single", 1e-6), ("half", 1e-3)])
def test_answers_are_those_that_the_engine_here_gives(
    engine, faulty, ask, random_windows, precision, tolerance
):
    remote = ask(faulty.url, precision=precision)
    for count in (1, 5):
        views = random_windows(count)
        same(remote.infer(*views), engine.infer(*views), tolerance)
    assert outcomes(remote) == (2, 0, 0, 0)
    assert len(remote.counts.seconds) == 2
    assert remote.name == f"a GPU, at {faulty.url}"
    assert remote.last_error == ""
    assert (remote.model, remote.front_end) == (engine.model, engine.front_end)


def test_a_late_answer_is_made_here_in_the_same_tick_and_the_next_is_the_servers(
    engine, faulty, ask, random_windows
):
    remote, views = ask(faulty.url), random_windows(1)
    faulty.delay = DEADLINE * 1.5
    begun = time.monotonic()
    same(remote.infer(*views), engine.infer(*views), 1e-6)
    assert time.monotonic() - begun < DEADLINE + SLACK
    faulty.delay = 0.0
    assert remote.name.startswith("a GPU")
    until(lambda: (remote.infer(*views), remote.counts.answered)[1] == 1)
    assert remote.counts.late == 1


def test_a_server_that_is_always_late_is_left_alone_until_it_is_quick_again(
    faulty, ask, random_windows
):
    remote, views = ask(faulty.url), random_windows(1)
    faulty.delay = DEADLINE * 1.2
    until(lambda: (remote.infer(*views), remote.last_error)[1])
    assert remote.counts.late == link.MISSES
    assert "did not answer in time 3 times in a row" in remote.last_error
    until(lambda: "takes longer than 200 ms" in remote.last_error)
    begun = time.monotonic()
    remote.infer(*views)
    assert time.monotonic() - begun < DEADLINE / 2 + SLACK  # it is not waited for
    faulty.delay = 0.0
    until(lambda: not remote.last_error)
    answered = remote.counts.answered
    remote.infer(*views)
    assert remote.counts.answered == answered + 1


def test_when_the_server_is_gone_the_tick_has_its_answer_and_when_it_is_back_it_answers(
    engine, faulty, ask, random_windows, caplog
):
    caplog.set_level("INFO", "streamer")
    remote, views = ask(faulty.url), random_windows(2)
    remote.infer(*views)
    faulty.stop()
    for _ in range(3):
        begun = time.monotonic()
        same(remote.infer(*views), engine.infer(*views), 1e-6)
        assert time.monotonic() - begun < DEADLINE + SLACK
    until(lambda: "connection refused" in remote.last_error)
    assert remote.name == engine.name
    assert f"not at {faulty.url}" in remote.last_error
    faulty.start()
    until(lambda: not remote.last_error)
    same(remote.infer(*views), engine.infer(*views), 1e-3)
    assert remote.counts.answered == 2
    assert remote.counts.local == 3
    said = [record.message for record in caplog.records if "a GPU" in record.message]
    assert len(said) == 2


def test_a_server_that_is_not_there_at_the_start_is_no_error(engine, faulty, ask, random_windows):
    faulty.stop()
    remote = ask(faulty.url)
    assert "connection refused" in remote.last_error
    same(remote.infer(*random_windows(1)), engine.infer(*random_windows(1)))
    faulty.start()
    until(lambda: not remote.last_error)


def test_other_weights_are_not_asked(faulty, ask, random_windows):
    faulty.told = {"engine": "a GPU", "weights": "0" * 64}
    remote = ask(faulty.url)
    assert "it runs other weights (000000000000, here " in remote.last_error
    remote.infer(*random_windows(1))
    assert outcomes(remote) == (0, 0, 0, 1)
    assert faulty.asked == []


@pytest.mark.parametrize("told", ["hello", "[]", '{"engine": 1}', "x" * 100_000])
def test_what_is_no_engine_of_ours_is_told(faulty, ask, told):
    faulty.told = told
    assert (
        "no engine of ours" in (last_error := ask(faulty.url).last_error) or "hung up" in last_error
    )


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param(lambda _: b"", id="nothing"),
        pytest.param(lambda answer: answer[:-1], id="short"),
        pytest.param(lambda answer: answer * 2, id="long"),
        pytest.param(lambda answer: b"\xff" * len(answer), id="not finite"),
        pytest.param(lambda _: "the GPU is on fire", id="refused"),
    ],
)
def test_nonsense_is_not_believed(engine, faulty, ask, random_windows, nonsense):
    remote, views = ask(faulty.url), random_windows(1)
    faulty.answer = nonsense
    for _ in range(5):
        same(remote.infer(*views), engine.infer(*views), 1e-6)
    assert remote.counts.local == 5
    faulty.answer = lambda answer: answer
    until(lambda: (remote.infer(*views), remote.counts.answered)[1] >= 1)


def test_a_server_that_hangs_is_lost_and_found_again(faulty, ask, random_windows, monkeypatch):
    monkeypatch.setattr(limits, "INFERENCE_SERVER_TIMEOUT_S", 0.5)
    remote, views = ask(faulty.url), random_windows(1)
    faulty.delay = 3.0
    begun = time.monotonic()
    for _ in range(10):
        remote.infer(*views)
    assert time.monotonic() - begun < DEADLINE + 10 * SLACK  # only the first one waited
    assert outcomes(remote) == (0, 1, 0, 10)
    until(lambda: "it does not answer" in remote.last_error)
    faulty.delay = 0.0
    until(lambda: not remote.last_error)


def test_more_windows_than_a_question_holds_are_answered_here(engine, faulty, ask, random_windows):
    remote, views = ask(faulty.url), random_windows(65)
    same(remote.infer(*views), engine.infer(*views), 1e-6)
    assert outcomes(remote) == (0, 0, 0, 1)
    assert remote.last_error == ""


def test_whatever_a_connection_fails_with_it_is_tried_again(faulty, ask, monkeypatch):
    remote = ask(faulty.url)
    monkeypatch.setattr(Connection, "look", lambda _: 1 / 0)
    monkeypatch.setattr(link, "_IDLE", 0.01)
    until(lambda: "ZeroDivisionError" in remote.last_error, 10)
    monkeypatch.undo()
    until(lambda: not remote.last_error)


def test_without_websockets_it_is_told_how_to_get_it(ask, monkeypatch):
    monkeypatch.setitem(sys.modules, "streamer.engines.remote.connection", None)
    with pytest.raises(EngineError, match=r'pip install "damer-streamer\[remote\]"'):
        ask("http://127.0.0.1:9")


def test_an_idle_connection_is_looked_at(faulty, ask, monkeypatch):
    monkeypatch.setattr(link, "_IDLE", 0.05)
    remote = ask(faulty.url)
    faulty.stop()
    until(lambda: remote.last_error)


def test_the_password_goes_to_the_server_and_nowhere_else(faulty, ask, log):
    remote = ask(faulty.url, user="stage", password=PASSWORD)
    assert faulty.headers["authorization"] == "Basic c3RhZ2U6aHVzaC1odXNo"
    assert "hush" not in log.text + repr(remote) + remote.name


def test_a_password_that_goes_unencrypted_is_warned_of(log):
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
def test_keys_that_do_not_go_together_are_told(table, reason):
    with pytest.raises(ConfigError, match=reason):
        open_remote_engine(Remote(url="http://127.0.0.1:9", **table), open_engine(), None)
