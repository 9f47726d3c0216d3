"""`streamer run` end to end: real processes, a real broker, a real subscriber."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import jsonschema
import pytest

from streamer.batch.analysis import analyze
from streamer.config import Tracking, Zone
from streamer.mqtt import BrokerAddress, json_schemas
from streamer.tracking.batching import BatchingInference
from streamer.tracking.zone import ZoneTracker
from tests.support.ports import free_port

pytestmark = pytest.mark.peer

SECONDS = 12.0
HOMES = ("XDG_CONFIG_HOME", "XDG_STATE_HOME")
PROGRAM = str(Path(sys.executable).with_name("streamer"))


@dataclass
class RunResult:
    """Exit code, output and MQTT messages of one run."""

    code: int = -1
    out: str = ""
    err: str = ""
    seen: Any = None
    retained: dict[str, str] = field(default_factory=dict)
    retained_after: dict[str, str] = field(default_factory=dict)


class Program:
    """`streamer run` as a process, killed at the end of the context."""

    def __init__(self, folder, *arguments, **variables):
        clean = {name: value for name, value in os.environ.items() if "STREAMER" not in name}
        self._command = [PROGRAM, "run", *map(str, arguments)]
        self._options = {
            "cwd": folder,
            "env": {**clean, **dict.fromkeys(HOMES, str(folder)), **variables},
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(*self._command, **self._options)
        return self

    async def __aexit__(self, *error):
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def end(self, result):
        out, err = await asyncio.wait_for(self.process.communicate(), 30)
        result.code = self.process.returncode
        result.out, result.err = out.decode(), err.decode()
        return result


async def retained_messages(subscribe, address, base):
    """Return the retained messages that a new subscriber receives."""
    async with subscribe(address) as seen:
        await seen.until(lambda: seen.on(f"{base}/main/state"))
        return {
            str(message.topic): message.payload.decode()
            for _, message in seen.messages
            if message.retain and str(message.topic).startswith(base)
        }


async def run_file(folder, song, address, subscribe):
    """Run a file from start to end."""
    base = "streamer/file"
    result = RunResult()
    async with subscribe(address) as seen:
        result.seen = seen
        options = ("--input", song, "--broker", address, "--node", "file")
        async with Program(folder, *options, STREAMER_MQTT__HEALTH_INTERVAL="2") as program:
            va = f"{base}/main/va"
            await seen.until(lambda: len(seen.on(va)) >= 20, 40)
            result.retained = await retained_messages(subscribe, address, base)
            await program.end(result)
        await seen.until(lambda: "offline" in seen.texts(f"{base}/status"))
    result.retained_after = await retained_messages(subscribe, address, base)
    return result


async def run_two_zones(folder, song, address, subscribe):
    """Run two zones from a configuration file until Ctrl-C."""
    result = RunResult()
    config = folder / "two.toml"
    config.write_text(
        f'[mqtt]\nbroker = "{address}"\nnode = "two"\n[tracking]\nrate = 20\n'
        f'[[zones]]\nid = "hall"\n[[zones]]\nid = "bar"\ninput = "{song}"\n'
    )
    async with subscribe(address) as seen:
        result.seen = seen
        async with Program(folder, "--config", config) as program:
            for zone in ("hall", "bar"):
                await seen.until(lambda zone=zone: len(seen.on(f"streamer/two/{zone}/va")) > 9, 40)
            program.process.send_signal(signal.SIGINT)
            await program.end(result)
        await seen.until(lambda: "offline" in seen.texts("streamer/two/status"))
    return result


async def run_with_embedded_broker(folder, port, subscribe):
    """Run the demo with an embedded broker and a JSON log until SIGTERM."""
    result = RunResult()
    address = BrokerAddress("127.0.0.1", port)
    options = ("--broker", "embedded", "--node", "own", "--log", "json", "--zone", "attic")
    async with (
        contextlib.AsyncExitStack() as stack,
        Program(folder, *options, STREAMER_MQTT__PORT=str(port)) as program,
    ):
        async with asyncio.timeout(40):
            while result.seen is None:
                # The broker starts after the subscriber and ends before it.
                with contextlib.suppress(aiomqtt.MqttError):
                    result.seen = await stack.enter_async_context(subscribe(address))
                await asyncio.sleep(0.1)
        seen = result.seen
        stack.push(lambda kind, *_: kind is not None and issubclass(kind, aiomqtt.MqttError))
        await seen.until(lambda: len(seen.on("streamer/own/attic/va")) > 9, 40)
        program.process.send_signal(signal.SIGTERM)
        await program.end(result)
        await seen.until(lambda: "offline" in seen.texts("streamer/own/status"))
    return result


async def track_in_this_process(song, engine):
    """Return the tracker and its updates, not rounded for MQTT."""
    updates = []
    with BatchingInference(engine) as inference:
        tracker = ZoneTracker(
            Zone(input=str(song)),
            Tracking(),
            inference,
            lambda _, update: updates.append(update),
        )
        await tracker.run()
    return tracker, updates


@pytest.fixture(scope="module")
def song(tmp_path_factory, music, write_wav):
    return write_wav(tmp_path_factory.mktemp("songs") / "song.wav", music(SECONDS, 44100), 44100)


@pytest.fixture(scope="module")
def results(tmp_path_factory, song, broker, engine, subscribe):
    """Run all four concurrently: each takes as long as the audio."""
    folder = tmp_path_factory.mktemp("run")

    async def run_all():
        return await asyncio.gather(
            run_file(folder, song, broker.address, subscribe),
            run_two_zones(folder, song, broker.address, subscribe),
            run_with_embedded_broker(folder, free_port(), subscribe),
            track_in_this_process(song, engine),
        )

    return asyncio.run(run_all())


@pytest.fixture(scope="module")
def file_run(results):
    return results[0]


@pytest.fixture(scope="module")
def two_zone_run(results):
    return results[1]


@pytest.fixture(scope="module")
def embedded_run(results):
    return results[2]


@pytest.fixture(scope="module")
def tracked(results):
    return results[3]


@pytest.fixture(scope="module")
def analysis(song, engine):
    return analyze(song, engine, Tracking())[0]


class TestFastStream:
    def test_estimates_are_multiples_of_100_ms_of_audio_apart(self, file_run):
        messages = file_run.seen.payloads("streamer/file/main/va")
        assert 20 <= len(messages) <= 10 * SECONDS - 9
        steps = [b["ts"] - a["ts"] for a, b in itertools.pairwise(messages)]
        for step in steps:  # a busy machine skips ticks
            ticks = max(1, round(step / 100))
            assert step == pytest.approx(100 * ticks, abs=24)  # a window ends with a frame

    def test_sequence_numbers_rise_from_0(self, file_run):
        numbers = [each["seq"] for each in file_run.seen.payloads("streamer/file/main/va")]
        assert numbers[0] == 0
        assert numbers == sorted(set(numbers))

    def test_warm_rises_to_1(self, file_run, engine):
        warm = [each["warm"] for each in file_run.seen.payloads("streamer/file/main/va")]
        assert warm == sorted(warm)
        assert warm[0] == pytest.approx(min(1.0, 1 / engine.front_end.window_seconds), abs=0.1)
        assert warm[-1] == 1.0

    def test_estimates_are_not_retained(self, file_run):
        assert not any(topic.endswith("/va") for topic in file_run.retained_after)


class TestMessages:
    @pytest.mark.parametrize("kind", ["va", "state", "health"])
    def test_every_message_matches_its_schema(self, file_run, two_zone_run, embedded_run, kind):
        messages = [
            json.loads(message.payload)
            for result in (file_run, two_zone_run, embedded_run)
            for _, message in result.seen.messages
            if str(message.topic).endswith(f"/{kind}")
        ]
        assert messages
        validator = jsonschema.Draft202012Validator(json_schemas()[kind])
        for message in messages:
            validator.validate(message)

    def test_the_state_is_published_at_most_once_a_second(self, file_run):
        states = [
            message
            for _, message in file_run.seen.messages
            if str(message.topic) == "streamer/file/main/state" and not message.retain
        ]
        assert 2 <= len(states) <= SECONDS + 1

    def test_health_has_source_engine_counters_and_versions(self, file_run):
        messages = file_run.seen.payloads("streamer/file/main/health")
        last = messages[-1]
        assert last["source"] == "song.wav"
        assert last["engine"].startswith("ONNX Runtime ")
        assert last["estimates"] > 0
        assert last["gaps"] == last["drops"]["capture"] == last["reconnects"] == 0
        assert last["latency_ms"]["p50"] > 0
        assert 0 < last["delays"]["resampler_ms"] < 100
        assert last["memory_mb"] > 50
        assert {"streamer", "model", "front_end"} <= set(last["versions"])


class TestRetained:
    def test_late_subscribers_receive_status_and_state(self, file_run):
        assert file_run.retained["streamer/file/status"] == "online"
        assert "valence" in json.loads(file_run.retained["streamer/file/main/state"])
        assert set(file_run.retained) == {"streamer/file/status", "streamer/file/main/state"}

    def test_the_status_is_offline_after_the_end(self, file_run):
        assert file_run.retained_after["streamer/file/status"] == "offline"


class TestShutdown:
    def test_the_status_is_online_then_offline(self, file_run, two_zone_run, embedded_run):
        assert file_run.seen.texts("streamer/file/status") == ["online", "offline"]
        assert two_zone_run.seen.texts("streamer/two/status") == ["online", "offline"]
        statuses = embedded_run.seen.texts("streamer/own/status")
        # A broker that shuts down may publish the last will of a client that just left.
        assert list(dict.fromkeys(statuses)) == ["online", "offline"]

    def test_a_run_ends_with_its_file(self, file_run):
        assert file_run.code == 0
        assert "the audio has ended  zone=main" in file_run.err

    def test_ctrl_c_ends_a_run_with_code_0(self, two_zone_run):
        assert two_zone_run.code == 0
        assert "Traceback" not in two_zone_run.err

    def test_sigterm_ends_a_run_with_code_0(self, embedded_run):
        assert embedded_run.code == 0
        assert "Traceback" not in embedded_run.err

    async def test_the_embedded_broker_ends_with_the_run(self, embedded_run):
        [line] = [line for line in embedded_run.err.splitlines() if "embedded broker" in line]
        port = int(re.search(r"127\.0\.0\.1:(\d+)", line)[1])
        with pytest.raises(OSError):  # noqa: PT011 - refused, however the system words it
            await asyncio.open_connection("127.0.0.1", port)


class TestLog:
    def test_without_a_terminal_summary_lines_are_logged(self, file_run):
        lines = [line for line in file_run.err.splitlines() if "main: " in line]
        assert lines
        for line in lines[:4]:
            assert re.search(r"main: \w+  valence [+-]\d\.\d\d ± .*dBFS", line)
        assert "\x1b" not in file_run.err
        assert file_run.out == ""

    def test_every_line_of_a_json_log_is_an_object(self, embedded_run):
        lines = [json.loads(line) for line in embedded_run.err.splitlines()]
        assert {line["level"] for line in lines} == {"info"}
        assert any("embedded broker" in line["message"] for line in lines)
        assert embedded_run.out == ""


class TestZones:
    def test_both_zones_publish(self, two_zone_run):
        for zone in ("hall", "bar"):
            assert len(two_zone_run.seen.on(f"streamer/two/{zone}/va")) > 9
            assert two_zone_run.seen.on(f"streamer/two/{zone}/state")


class TestAgreement:
    """`run` and `analyze` have the same estimates for the same audio."""

    def test_raw_estimates_agree(self, tracked, analysis):
        tracker, updates = tracked
        expected = {update.time: update.raw for update in analysis}
        assert len(updates) + tracker.status.dropped == len(analysis)
        for update in updates:
            assert update.raw.valence == pytest.approx(expected[update.time].valence, abs=1e-5)
            assert update.raw.arousal == pytest.approx(expected[update.time].arousal, abs=1e-5)

    def test_trajectories_agree(self, tracked, analysis):
        tracker, updates = tracked
        if tracker.status.dropped:
            pytest.skip("the machine was too busy: the trajectory has other steps")
        for update, expected in zip(updates, analysis, strict=True):
            assert update.smooth.valence == pytest.approx(expected.smooth.valence, abs=1e-5)
            assert update.smooth.arousal_std == pytest.approx(expected.smooth.arousal_std, abs=1e-5)
            assert (update.tick, update.silence, update.level) == (
                expected.tick, expected.silence, expected.level,
            )  # fmt: skip

    def test_published_estimates_agree_to_four_decimals(self, file_run, analysis):
        messages = file_run.seen.payloads("streamer/file/main/va")
        start = start_of_audio([each["ts"] / 1e3 for each in messages], analysis)
        for message in messages:
            time = message["ts"] / 1e3 - start
            update = min(analysis, key=lambda update: abs(update.time - time))
            assert abs(update.time - time) < 0.004
            for axis in ("valence", "arousal"):
                expected = getattr(update.raw, axis)
                assert message["raw"][axis] == pytest.approx(expected, abs=1e-5 + 5e-5)
        assert len(messages) >= 20


def start_of_audio(stamps, analysis):
    """Return the epoch time of the file's first sample, in seconds.

    Windows end with a frame, so the steps between their ends are uneven; only with the true start
    does every time stamp equal the end of a window.
    """

    def spread(start):
        return max(min(abs(stamp - start - update.time) for update in analysis) for stamp in stamps)

    return min((stamps[0] - update.time for update in analysis[:5]), key=spread)
