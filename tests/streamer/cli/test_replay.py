"""`streamer replay`: publish a recording to a real broker with its original timing."""

import asyncio
import json
import math
import os
import signal
import sys
from pathlib import Path

import aiomqtt
import numpy as np
import pytest

from streamer.config import Record
from streamer.mqtt import VA
from streamer.outputs.recording import Recorder, read_recording
from streamer.tracking import Affect, Update

SECONDS = 10
PROGRAM = str(Path(sys.executable).with_name("streamer"))


def synthetic(count):
    """Yield updates on a loop through the plane; their steps are uneven, like those of windows."""
    for tick in range(count):
        at = tick / 10 + 0.004 * math.sin(2.3 * tick)
        smooth = Affect(0.8 * math.sin(at), 0.6 * math.cos(at / 2), 0.1 + tick / 1000, 1 / 3)
        raw = Affect(1.1 * math.sin(at), 0.7 * math.cos(at / 2), 0.3, 0.31)
        level = -20.0 + math.sin(at)
        yield Update(
            tick, 1 + at, 500 + at, raw, smooth, 20 <= tick < 30, min(1.0, tick / 30), level
        )


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    recorder = Recorder(Record(folder=folder, free_gb=0), {"main": "demo"}, model="test")
    for update in synthetic(10 * SECONDS):
        recorder.offer_update("main", update)
    recorder.finish()
    return read_recording(next(folder.iterdir()))


async def run_replay(recording, broker, subscribe, *options, base, stop_after=None):
    """Run `streamer replay`; return received messages, exit code and standard error."""
    async with subscribe(broker.address) as seen:
        process = await asyncio.create_subprocess_exec(
            PROGRAM, "replay", str(recording.path), "--broker", str(broker.address), *options,
            stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if "STREAMER" not in name},
        )  # fmt: skip
        if stop_after is not None:
            number, messages, topic = stop_after
            await seen.until(lambda: len(seen.on(topic)) >= messages, 20)
            process.send_signal(number)
        _, stderr = await asyncio.wait_for(process.communicate(), 30)
        await seen.until(lambda: "offline" in seen.texts(f"{base}/status"))
    return seen, process.returncode, stderr.decode()


@pytest.fixture(scope="module")
def full_replay(recording, broker, subscribe):
    options = ("--node", "replayed")
    replay = run_replay(recording, broker, subscribe, *options, base="streamer/replayed")
    return asyncio.run(replay)


@pytest.mark.peer
class TestAgainstABroker:
    @pytest.mark.long
    def test_estimates_equal_the_recorded_ones(self, full_replay):
        seen, *_ = full_replay
        sent = [
            json.loads(VA.from_update(update, seq=0, epoch=0, latency=0).to_json())
            for update in synthetic(10 * SECONDS)
        ]
        assert without_time(seen.payloads("streamer/replayed/main/va")) == without_time(sent)

    def test_sequence_numbers_are_consecutive_from_zero(self, full_replay):
        seen, *_ = full_replay
        numbers = [each["seq"] for each in seen.payloads("streamer/replayed/main/va")]
        assert numbers == list(range(10 * SECONDS))

    def test_timing_is_within_20_ms_of_the_recording(self, full_replay, recording):
        seen, *_ = full_replay
        arrived = np.array(
            [at for at, message in seen.messages if str(message.topic).endswith("/va")]
        )
        steps = np.diff(arrived) - np.diff(recording.columns["captured"])
        assert np.percentile(np.abs(steps), 99) < 0.020
        duration_error = (arrived[-1] - arrived[0]) - recording.duration
        assert abs(duration_error) < 0.020

    def test_status_and_states_are_published_and_progress_is_printed(self, full_replay):
        seen, code, stderr = full_replay
        assert seen.texts("streamer/replayed/status") == ["online", "offline"]
        assert len(seen.on("streamer/replayed/main/state")) == pytest.approx(SECONDS, abs=2)
        assert code == 0
        assert "0:09" in stderr
        assert "Traceback" not in stderr

    async def test_zone_speed_start_and_loop_options_take_effect(
        self, recording, broker, subscribe
    ):
        va = "streamer/chosen/bar/va"
        seen, code, stderr = await run_replay(
            recording, broker, subscribe,
            "--node", "chosen", "--zone", "bar", "--speed", "2", "--from", "8.5", "--loop",
            base="streamer/chosen", stop_after=(signal.SIGINT, 25, va),
        )  # fmt: skip
        assert (code, "Traceback" in stderr) == (0, False)
        messages = without_time(seen.payloads(va))
        expected = without_time(
            json.loads(VA.from_update(update, seq=0, epoch=0, latency=0).to_json())
            for update in synthetic(10 * SECONDS)
        )
        assert messages[:25] == [*expected[85:], *expected[:10]]
        times = [at for at, message in seen.messages if str(message.topic) == va]
        assert times[20] - times[0] == pytest.approx(1.0, abs=0.1)

    async def test_sigterm_ends_a_replay_cleanly(self, recording, broker, subscribe):
        seen, code, stderr = await run_replay(
            recording, broker, subscribe, "--node", "ended",
            base="streamer/ended", stop_after=(signal.SIGTERM, 3, "streamer/ended/main/va"),
        )  # fmt: skip
        assert (code, "Traceback" in stderr) == (0, False)
        assert seen.texts("streamer/ended/status") == ["online", "offline"]

    async def test_replaying_to_a_node_that_is_online_is_refused(self, recording, broker, program):
        async with aiomqtt.Client(broker.address.host, broker.address.port) as client:
            await client.publish("streamer/stage/status", "online", qos=1, retain=True)
        options = ("--broker", broker.address, "--node", "stage")
        answer = await asyncio.to_thread(program, "replay", recording.path, *options)
        assert answer.code == 2
        last = answer.err.splitlines()[-1]
        assert last.startswith("streamer: cannot publish to streamer/stage: a streamer is online")
        assert "--node" in last
        assert "Traceback" not in answer.err


def without_time(messages):
    """Return the messages without time stamps, sequence numbers and latencies."""
    kept = []
    for message in messages:
        message = dict(message)
        for name in ("ts", "seq", "latency_ms"):
            del message[name]
        kept.append(message)
    return kept


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["--from", "99"], "ends after 9.9 s"),
            (["--zone", "No Zone"], "invalid zone name"),
            (["--broker", "mqtt://127.0.0.1:1"], "127.0.0.1:1"),
        ],
    )
    def test_each_is_a_one_line_error(self, streamer, recording, options, expected):
        answer = streamer("replay", recording.path, *options)
        assert answer.code != 0
        last = answer.err.splitlines()[-1]
        assert last.startswith("streamer: ")
        assert expected in last
        assert "Traceback" not in answer.err

    def test_a_speed_of_zero_is_a_usage_error(self, streamer, recording):
        answer = streamer("replay", recording.path, "--speed", "0")
        assert answer.code == 2
        assert "--speed" in answer.err

    def test_a_missing_file_is_reported_before_connecting_to_the_broker(self, streamer):
        answer = streamer("replay", "missing.parquet", "--broker", "mqtt://127.0.0.1:1")
        assert answer.code == 2
        assert answer.err.count("\n") == 1
        assert "cannot read missing.parquet: no such file" in answer.err
