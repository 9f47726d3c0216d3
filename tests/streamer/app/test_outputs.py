"""Recorder and lights of a run and of a replay: real processes, sockets and files."""

import asyncio
import contextlib
import json
import socket
import sys
from pathlib import Path

import pytest
from pythonosc.osc_message import OscMessage

from streamer.outputs.recording import read_recording

pytestmark = pytest.mark.peer

PROGRAM = str(Path(sys.executable).with_name("streamer"))
SHOW = """
[[outputs]]
name = "visuals"
protocol = "osc"
host = "127.0.0.1"
port = {port}
messages = [{{ address = "/{{node}}/{{zone}}/arousal", value = "arousal" }}]
"""


class Receiver:
    """OSC receiver on a port of this machine."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def messages(self):
        """Return the messages since the last call."""
        messages = []
        with contextlib.suppress(BlockingIOError):
            while True:
                message = OscMessage(self.socket.recv(4096))
                messages.append((message.address, message.params[0]))
        return messages


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.socket.close()


@contextlib.asynccontextmanager
async def started(folder, *arguments):
    log = (folder / "log.txt").open("wb")
    process = await asyncio.create_subprocess_exec(
        PROGRAM, *map(str, arguments), cwd=folder, stderr=log, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        log.close()
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 15)


async def test_a_replay_repeats_the_messages_and_lights_of_a_recorded_run(
    broker, subscribe, away, receiver
):
    (away / "show.toml").write_text(SHOW.format(port=receiver.port))
    va = "streamer/outputs/main/va"
    options = ("--broker", broker.address, "--node", "outputs", "--lights", "show.toml")
    async with subscribe(broker.address) as seen:
        async with started(
            away, "run", "--input", "demo", "--record", "rec", "--record-audio", *options
        ) as process:
            await seen.until(lambda: len(seen.on(va)) >= 30, 30)
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 15) == 0
        await seen.until(lambda: seen.texts("streamer/outputs/status")[-1] == "offline")
        live = seen.payloads(va)
        received = receiver.messages()
        assert {address for address, _ in received} == {"/outputs/main/arousal"}
        assert max(value for _, value in received) > min(value for _, value in received)
        [table] = (away / "rec").glob("*.parquet")
        assert len(list((away / "rec").glob("*.flac"))) == 1
        assert len(list((away / "rec").iterdir())) == 2
        assert len(read_recording(table)) >= len(live) - 1

        async with started(away, "replay", table, "--speed", "4", *options) as process:
            assert await asyncio.wait_for(process.wait(), 30) == 0
        assert " error " not in (away / "log.txt").read_text()
        replayed = seen.payloads(va)[len(live) :]
        assert {address for address, _ in receiver.messages()} == {"/outputs/main/arousal"}
    own = {"ts", "seq", "latency_ms"}
    first = [{key: value for key, value in each.items() if key not in own} for each in live]
    second = [{key: value for key, value in each.items() if key not in own} for each in replayed]
    assert second[: len(first)] == first


async def test_health_reports_why_recording_is_paused(broker, subscribe, away):
    (away / "config.toml").write_text(
        '[mqtt]\nnode = "rec"\nhealth_interval = 1\n[record]\nfolder = "rec"\nfree_gb = 1000000\n'
    )
    health = "streamer/rec/main/health"
    async with (
        subscribe(broker.address) as seen,
        started(away, "run", "--input", "demo", "--broker", broker.address),
    ):
        await seen.until(lambda: [each for each in seen.payloads(health) if each["recording"]], 30)
        await seen.until(lambda: seen.payloads(health)[-1]["recording"]["dropped"] > 5, 30)
        last = seen.payloads(health)[-1]
    assert last["state"] == "degraded"
    assert "are free for rec: recording pauses" in last["reason"]


@pytest.mark.parametrize(
    ("show", "message"),
    [
        (
            "[show]\nzone = 'attic'" + SHOW,
            'zone = "attic" of show.toml: it is not tracked; choose main',
        ),
        (SHOW.replace("osc", "osk"), "osk"),
        (None, "show.toml"),
    ],
)
def test_an_invalid_show_file_is_reported_before_start(program, away, show, message):
    if show is not None:
        (away / "show.toml").write_text(show.format(port=9000))
    answer = program("run", "--input", "demo", "--lights", "show.toml", "--broker", "embedded")
    assert answer.code in (1, 2)
    assert message in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_missing_extra_is_named(program, away, monkeypatch):
    blocked = away / "sitecustomize.py"
    blocked.write_text("import sys\nsys.modules['sacn'] = sys.modules['pyarrow'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(away))
    (away / "show.toml").write_text(SHOW.format(port=9000))
    for options, extra in ((("--lights", "show.toml"), "lights"), (("--record", "rec"), "record")):
        answer = program("run", "--input", "demo", *options)
        assert answer.code == 2
        assert f"[{extra}]" in answer.err, json.dumps(answer.err)
        assert len(answer.err.splitlines()) == 1
