"""`streamer run` end to end: real processes, a real broker, a real client."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import signal
import statistics
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
class Performance:
    """What one run of the program said, to whom, and what it used."""

    code: int = -1
    out: str = ""
    err: str = ""
    seen: Any = None
    retained: dict[str, str] = field(default_factory=dict)
    retained_after: dict[str, str] = field(default_factory=dict)
    memory: int = 0
    cpu_share: float = 0.0


class Program:
    """A running `streamer`; whatever happens to the test, it ends with it."""

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

    async def end(self, performance):
        out, err = await asyncio.wait_for(self.process.communicate(), 30)
        performance.code = self.process.returncode
        performance.out, performance.err = out.decode(), err.decode()
        return performance

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


async def retained(subscribe, address, base):
    """What a client finds that comes later."""
    async with subscribe(address) as seen:
        await seen.until(lambda: seen.on(f"{base}/main/state"))
        return {
            str(message.topic): message.payload.decode()
            for _, message in seen.messages
            if message.retain and str(message.topic).startswith(base)
        }


async def play_a_file(folder, song, address, subscribe):
    """A file from its beginning to its end."""
    base = "streamer/file"
    performance = Performance()
    async with subscribe(address) as seen:
        performance.seen = seen
        options = ("--input", song, "--broker", address, "--node", "file")
        async with Program(folder, *options, STREAMER_MQTT__HEALTH_INTERVAL="2") as program:
            va = f"{base}/main/va"
            await seen.until(lambda: len(seen.on(va)) >= 20, 40)
            performance.retained = await retained(subscribe, address, base)
            spent = [program.cpu_seconds()]
            for ticks in range(len(seen.on(va)) + 20, 105, 20):
                await seen.until(lambda ticks=ticks: len(seen.on(va)) >= ticks, 40)
                spent.append(program.cpu_seconds())
            performance.memory = program.resident()
            # Other programs slow a core down, never up: the least is nearest to what it takes.
            performance.cpu_share = min(b - a for a, b in itertools.pairwise(spent)) / 2
            await program.end(performance)
        await seen.until(lambda: "offline" in seen.texts(f"{base}/status"))
    performance.retained_after = await retained(subscribe, address, base)
    return performance


async def play_two_zones(folder, song, address, subscribe):
    """Two zones from a configuration file, until Ctrl-C."""
    performance = Performance()
    config = folder / "two.toml"
    config.write_text(
        f'[mqtt]\nbroker = "{address}"\nnode = "two"\n[tracking]\nrate = 20\n'
        f'[[zones]]\nid = "hall"\n[[zones]]\nid = "bar"\ninput = "{song}"\n'
    )
    async with subscribe(address) as seen:
        performance.seen = seen
        async with Program(folder, "--config", config) as program:
            for zone in ("hall", "bar"):
                await seen.until(lambda zone=zone: len(seen.on(f"streamer/two/{zone}/va")) > 9, 40)
            program.process.send_signal(signal.SIGINT)
            await program.end(performance)
        await seen.until(lambda: "offline" in seen.texts("streamer/two/status"))
    return performance


async def play_with_a_broker_of_its_own(folder, port, subscribe):
    """The demo with an embedded broker and messages as JSON, until SIGTERM."""
    performance = Performance()
    address = BrokerAddress("127.0.0.1", port)
    options = ("--broker", "embedded", "--node", "own", "--log", "json", "--zone", "attic")
    async with (
        contextlib.AsyncExitStack() as stack,
        Program(folder, *options, STREAMER_MQTT__PORT=str(port)) as program,
    ):
        async with asyncio.timeout(40):
            while performance.seen is None:
                # The broker is not there yet at first, and goes before the subscriber at last.
                with contextlib.suppress(aiomqtt.MqttError):
                    performance.seen = await stack.enter_async_context(subscribe(address))
                await asyncio.sleep(0.1)
        seen = performance.seen
        stack.push(lambda kind, *_: kind is not None and issubclass(kind, aiomqtt.MqttError))
        await seen.until(lambda: len(seen.on("streamer/own/attic/va")) > 9, 40)
        program.process.send_signal(signal.SIGTERM)
        await program.end(performance)
        await seen.until(lambda: "offline" in seen.texts("streamer/own/status"))
    return performance


async def track_in_this_process(song, engine):
    """The zone's tracker alone: its updates, before anything is rounded for the wire."""
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
def performances(tmp_path_factory, song, broker, engine, subscribe):
    """All at once: each takes as long as the sound."""
    folder = tmp_path_factory.mktemp("run")

    async def perform():
        return await asyncio.gather(
            play_a_file(folder, song, broker.address, subscribe),
            play_two_zones(folder, song, broker.address, subscribe),
            play_with_a_broker_of_its_own(folder, free_port(), subscribe),
            track_in_this_process(song, engine),
        )

    return asyncio.run(perform())


@pytest.fixture(scope="module")
def of_a_file(performances):
    return performances[0]


@pytest.fixture(scope="module")
def of_two_zones(performances):
    return performances[1]


@pytest.fixture(scope="module")
def with_own_broker(performances):
    return performances[2]


@pytest.fixture(scope="module")
def tracked(performances):
    return performances[3]


@pytest.fixture(scope="module")
def analysis(song, engine):
    return analyze(song, engine, Tracking())[0]


class TestFastStream:
    def test_it_carries_ten_estimates_a_second(self, of_a_file):
        messages = of_a_file.seen.payloads("streamer/file/main/va")
        assert len(messages) >= 0.99 * (10 * SECONDS - 9)
        steps = [b["ts"] - a["ts"] for a, b in itertools.pairwise(messages)]
        assert statistics.median(steps) == pytest.approx(100, abs=12)
        assert messages[-1]["ts"] - messages[0]["ts"] == pytest.approx(
            1000 * (SECONDS - 1), abs=150
        )

    def test_its_numbers_count_up_from_0(self, of_a_file):
        numbers = [each["seq"] for each in of_a_file.seen.payloads("streamer/file/main/va")]
        assert numbers[0] == 0
        assert numbers == sorted(set(numbers))

    def test_it_warms_up(self, of_a_file, engine):
        warm = [each["warm"] for each in of_a_file.seen.payloads("streamer/file/main/va")]
        assert warm == sorted(warm)
        assert warm[0] == pytest.approx(min(1.0, 1 / engine.front_end.window_seconds), abs=0.1)
        assert warm[-1] == 1.0

    def test_it_is_not_retained(self, of_a_file):
        assert not any(topic.endswith("/va") for topic in of_a_file.retained_after)


class TestMessages:
    @pytest.mark.parametrize("kind", ["va", "state", "health"])
    def test_every_message_keeps_to_its_published_schema(
        self, of_a_file, of_two_zones, with_own_broker, kind
    ):
        messages = [
            json.loads(message.payload)
            for performance in (of_a_file, of_two_zones, with_own_broker)
            for _, message in performance.seen.messages
            if str(message.topic).endswith(f"/{kind}")
        ]
        assert messages
        validator = jsonschema.Draft202012Validator(json_schemas()[kind])
        for message in messages:
            validator.validate(message)

    def test_the_state_comes_at_most_once_a_second(self, of_a_file):
        times = [
            at
            for at, message in of_a_file.seen.messages
            if str(message.topic) == "streamer/file/main/state" and not message.retain
        ]
        assert 9 <= len(times) <= 13

    def test_the_health_tells_how_it_fares(self, of_a_file):
        messages = of_a_file.seen.payloads("streamer/file/main/health")
        assert len(messages) >= 4
        last = messages[-1]
        assert last["source"] == "song.wav"
        assert last["engine"].startswith("ONNX Runtime ")
        assert last["estimates"] > 80
        assert last["gaps"] == last["drops"]["capture"] == last["reconnects"] == 0
        assert last["latency_ms"]["p50"] > 0
        assert 0 < last["delays"]["resampler_ms"] < 100
        assert last["memory_mb"] > 50
        assert {"streamer", "model", "front_end"} <= set(last["versions"])


class TestRetained:
    def test_who_comes_later_finds_it_online_with_a_state(self, of_a_file):
        assert of_a_file.retained["streamer/file/status"] == "online"
        assert "valence" in json.loads(of_a_file.retained["streamer/file/main/state"])
        assert set(of_a_file.retained) == {"streamer/file/status", "streamer/file/main/state"}

    def test_after_the_end_it_is_offline(self, of_a_file):
        assert of_a_file.retained_after["streamer/file/status"] == "offline"


class TestEnds:
    def test_the_status_tells_of_both_ends(self, of_a_file, of_two_zones, with_own_broker):
        assert of_a_file.seen.texts("streamer/file/status") == ["online", "offline"]
        assert of_two_zones.seen.texts("streamer/two/status") == ["online", "offline"]
        told = with_own_broker.seen.texts("streamer/own/status")
        # Of who leaves as the broker ends, the broker may repeat it.
        assert list(dict.fromkeys(told)) == ["online", "offline"]

    def test_it_ends_by_itself_after_a_file(self, of_a_file):
        assert of_a_file.code == 0
        assert "the audio has ended  zone=main" in of_a_file.err

    def test_ctrl_c_ends_it_well(self, of_two_zones):
        assert of_two_zones.code == 0
        assert "Traceback" not in of_two_zones.err

    def test_sigterm_ends_it_well(self, with_own_broker):
        assert with_own_broker.code == 0
        assert "Traceback" not in with_own_broker.err

    async def test_its_broker_ends_with_it(self, with_own_broker):
        [line] = [line for line in with_own_broker.err.splitlines() if "embedded broker" in line]
        port = int(re.search(r"127\.0\.0\.1:(\d+)", line)[1])
        with pytest.raises(OSError):  # noqa: PT011 - refused, however the system words it
            await asyncio.open_connection("127.0.0.1", port)


class TestMessagesForPeople:
    def test_without_a_terminal_a_line_now_and_then_sums_up(self, of_a_file):
        lines = [line for line in of_a_file.err.splitlines() if "main: " in line]
        assert len(lines) >= 4
        for line in lines[:4]:
            assert re.search(r"main: \w+  valence [+-]\d\.\d\d ± .*dBFS", line)
        assert "\x1b" not in of_a_file.err
        assert of_a_file.out == ""

    def test_as_json_every_line_is_an_object(self, with_own_broker):
        lines = [json.loads(line) for line in with_own_broker.err.splitlines()]
        assert {line["level"] for line in lines} == {"info"}
        assert any("embedded broker" in line["message"] for line in lines)
        assert with_own_broker.out == ""


class TestZones:
    def test_both_publish(self, of_two_zones):
        for zone in ("hall", "bar"):
            assert len(of_two_zones.seen.on(f"streamer/two/{zone}/va")) > 9
            assert of_two_zones.seen.on(f"streamer/two/{zone}/state")


class TestCost:
    def test_its_resident_memory_is_at_most_280_mb(self, of_a_file):
        assert 50e6 < of_a_file.memory <= 280e6

    def test_a_zone_at_10_hz_takes_less_than_a_tenth_of_a_core(self, of_a_file):
        assert 0 < of_a_file.cpu_share < 0.1


class TestAgreement:
    """`run` and `analyze` say the same of the same moment."""

    def test_before_the_wire_raw_estimates_agree(self, tracked, analysis):
        tracker, updates = tracked
        expected = {update.time: update.raw for update in analysis}
        assert len(updates) + tracker.status.dropped == len(analysis)
        assert len(updates) >= 0.99 * len(analysis)
        for update in updates:
            assert update.raw.valence == pytest.approx(expected[update.time].valence, abs=1e-5)
            assert update.raw.arousal == pytest.approx(expected[update.time].arousal, abs=1e-5)

    def test_what_follows_one_after_the_other_agrees_too(self, tracked, analysis):
        tracker, updates = tracked
        if tracker.status.dropped:
            pytest.skip("the machine was too busy: the trajectory has other steps")
        for update, expected in zip(updates, analysis, strict=True):
            assert update.smooth.valence == pytest.approx(expected.smooth.valence, abs=1e-5)
            assert update.smooth.arousal_std == pytest.approx(expected.smooth.arousal_std, abs=1e-5)
            assert (update.tick, update.silence, update.level) == (
                expected.tick, expected.silence, expected.level,
            )  # fmt: skip

    def test_on_the_wire_they_agree_to_its_four_decimals(self, of_a_file, analysis):
        messages = of_a_file.seen.payloads("streamer/file/main/va")
        begun = start_of_sound([each["ts"] / 1e3 for each in messages], analysis)
        found = 0
        for message in messages:
            time = message["ts"] / 1e3 - begun
            update = min(analysis, key=lambda update: abs(update.time - time))
            assert abs(update.time - time) < 0.004
            found += 1
            for axis in ("valence", "arousal"):
                expected = getattr(update.raw, axis)
                assert message["raw"][axis] == pytest.approx(expected, abs=1e-5 + 5e-5)
        assert found >= 0.99 * len(analysis)


def start_of_sound(stamps, analysis):
    """Epoch time of the file's first sample, in seconds.

    Windows end with a frame, so the steps between their ends are uneven; only the true start lets
    every time stamp fall upon the end of a window.
    """

    def spread(begun):
        return max(min(abs(stamp - begun - update.time) for update in analysis) for stamp in stamps)

    return min((stamps[0] - update.time for update in analysis[:5]), key=spread)
