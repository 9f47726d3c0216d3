"""Reload on SIGHUP: applied keys, pending keys, invalid files."""

import asyncio
import contextlib
import itertools
import os
import pty
import signal
import sys
from pathlib import Path

import pytest

from streamer.app.reloadable import merge_reloadable
from streamer.config import Config

PROGRAM = str(Path(sys.executable).with_name("streamer"))


def configured(**tables):
    return Config.model_validate(tables)


class TestMerge:
    def test_an_equal_configuration_changes_nothing(self):
        running = configured(tracking={"rate": 5})
        change = merge_reloadable(running, configured(tracking={"rate": 5}))
        assert (change.config, change.applied, change.pending) == (running, (), ())

    def test_reloadable_keys_are_applied_and_others_pending(self):
        running = configured(mqtt={"node": "stage"})
        new = configured(
            tracking={"rate": 20, "smoother": "none", "on_silence": "hold"},
            mqtt={"node": "bar", "health_interval": 2},
            log={"level": "debug", "format": "json"},
        )
        change = merge_reloadable(running, new)
        assert change.applied == (
            "log.level",
            "mqtt.health_interval",
            "tracking.on_silence",
            "tracking.rate",
            "tracking.smoother",
        )
        assert change.pending == ("log.format", "mqtt.node")
        assert change.config.tracking == new.tracking
        assert (change.config.mqtt.node, change.config.mqtt.health_interval) == ("stage", 2)
        assert (change.config.log.level, change.config.log.format) == ("debug", "console")

    def test_changed_zones_are_pending(self):
        running = configured(zones=[{"id": "main"}])
        change = merge_reloadable(
            running, configured(zones=[{"id": "main", "loop": True}, {"id": "bar"}])
        )
        assert change.config == running
        assert change.applied == ()
        assert "zones.0.loop" in change.pending
        assert "zones.1.id" in change.pending

    def test_a_new_password_is_pending_and_not_shown(self):
        running = configured(mqtt={"user": "stage", "password": "old-canary"})
        new = configured(mqtt={"user": "stage", "password": "new-canary"})
        change = merge_reloadable(running, new)
        assert change.pending == ("mqtt.password",)
        assert "canary" not in repr(change)


FILE = """
[[zones]]
input = "demo"
loop = true
{zone}
[tracking]
{tracking}
[mqtt]
broker = "{broker}"
node = "reload"
[log]
level = "{level}"
"""


class Running:
    """Run `streamer run` with a configuration file that a test rewrites."""

    def __init__(self, folder, broker):
        self.file, self.log = folder / "config.toml", folder / "log.txt"
        self._folder, self._broker = folder, broker

    def write(self, tracking="rate = 10", level="info", zone=""):
        text = FILE.format(tracking=tracking, level=level, zone=zone, broker=self._broker.address)
        self.file.write_text(text)

    @contextlib.asynccontextmanager
    async def started(self, seen):
        self.write()
        with self.log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                PROGRAM, "run", cwd=self._folder, stderr=log
            )
        try:
            await seen.until(lambda: len(seen.on("streamer/reload/main/va")) > 5, 30)
            yield self
        finally:
            if self.process.returncode is None:
                self.process.terminate()
                await self.process.wait()

    async def hang_up(self, message):
        self.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(30):
            while message not in self.log.read_text():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)


@pytest.mark.peer
async def test_sighup_applies_reloadable_settings(broker, subscribe, tmp_path):
    running = Running(tmp_path, broker)
    va = "streamer/reload/main/va"

    async def expect_ticks_every(milliseconds):
        """Check the steps between the next messages; a busy machine skips ticks."""
        begin = len(seen.on(va)) + 1
        await seen.until(lambda: len(seen.on(va)) >= begin + 6, 30)
        times = [payload["ts"] for payload in seen.payloads(va)[begin:]]
        for step in (b - a for a, b in itertools.pairwise(times)):
            ticks = max(1, round(step / milliseconds))
            assert step == pytest.approx(milliseconds * ticks, abs=24)  # a window ends with a frame

    async with subscribe(broker.address) as seen, running.started(seen):
        reports = len(seen.on("streamer/reload/main/health"))
        running.write('rate = 4\nsmoother = "none"')
        await running.hang_up("changed: tracking.rate, tracking.smoother")
        await expect_ticks_every(250)
        await seen.until(lambda: len(seen.on("streamer/reload/main/health")) > reports, 30)
        newest = seen.payloads(va)[-1]
        assert newest["valence"] == newest["raw"]["valence"]

        running.write('rate = "quick"')
        await running.hang_up("configuration not reloaded, the old one stays in effect: ")
        assert 'rate = "quick" is invalid' in running.log.read_text()
        await expect_ticks_every(250)

        running.write("rate = 4", zone='device = "desk"')
        await running.hang_up("restart to apply these keys: zones.0.device")
        assert "changed: tracking.smoother\n" in running.log.read_text()

        running.write("rate = 20", level="debug", zone='device = "desk"')
        await running.hang_up("changed: log.level, tracking.rate")
        await expect_ticks_every(50)

        running.file.unlink()
        await running.hang_up("there is no such configuration file")
        await expect_ticks_every(50)

        sequence = [payload["seq"] for payload in seen.payloads(va)]
        assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))
    assert running.process.returncode == 0


@pytest.mark.peer
async def test_a_closed_terminal_ends_the_run(broker, subscribe, tmp_path):
    terminal, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        "setsid", "--ctty", PROGRAM, "run", "--loop", "--node", "pty",
        "--broker", str(broker.address),
        cwd=tmp_path, stdin=slave, stdout=slave, stderr=slave,
    )  # fmt: skip
    os.close(slave)

    def read():
        with contextlib.suppress(OSError):
            os.read(terminal, 65536)

    asyncio.get_running_loop().add_reader(terminal, read)
    try:
        async with subscribe(broker.address) as seen:
            await seen.until(lambda: seen.on("streamer/pty/main/va"), 30)
            asyncio.get_running_loop().remove_reader(terminal)
            os.close(terminal)
            assert await asyncio.wait_for(process.wait(), 5) == 0
            await seen.until(lambda: "offline" in seen.texts("streamer/pty/status"))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
