"""Reloading a show file while the show runs."""

import asyncio
import contextlib
import logging
import os

import pytest

from streamer.outputs.lights import LightController, load_show, watch_show

SHOW = '[show]\nfade_time = {}\n[[outputs]]\nname = "stage"\nprotocol = "sacn"\n'


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "show.toml"
    file.write_text(SHOW.format(1))
    return file


@contextlib.asynccontextmanager
async def watched(file, interval=0.02):
    lights = LightController(load_show(file), node="studio", dry_run=True)
    reload = asyncio.Event()
    task = asyncio.create_task(watch_show(file, lights, reload=reload, interval=interval))
    try:
        yield lights, reload
    finally:
        task.cancel()
        await asyncio.wait({task})


async def wait_for_show(lights, fade_time, seconds=10.0):
    async with asyncio.timeout(seconds):
        while lights.show.settings.fade_time != fade_time:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_changed_or_replaced_file_is_reloaded(file):
    async with watched(file) as (lights, _):
        await asyncio.sleep(0.1)
        file.write_text(SHOW.format(20))
        await wait_for_show(lights, 20)
        other = file.with_suffix(".new")  # as editors save
        other.write_text(SHOW.format(30))
        os.utime(other, ns=(file.stat().st_mtime_ns,) * 2)
        other.replace(file)
        await wait_for_show(lights, 30)


async def test_a_reload_request_does_not_wait_for_the_next_poll(file):
    async with watched(file, interval=600) as (lights, reload):
        file.write_text(SHOW.format(20))
        reload.set()
        await wait_for_show(lights, 20)


async def test_an_invalid_file_is_logged_and_the_current_show_continues(file, log):
    log.set_level(logging.INFO)
    async with watched(file, interval=600) as (lights, reload):
        for count, bad in enumerate((SHOW.format("'x'"), "[show\n", None), 1):
            file.write_text(bad) if bad is not None else file.unlink()
            reload.set()
            async with asyncio.timeout(10):
                while len(log.records) < count:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert lights.show.settings.fade_time == 1
        file.write_text(SHOW.format(7))
        reload.set()
        await wait_for_show(lights, 7)
    messages = [record.getMessage() for record in log.records]
    assert len(messages) == 4
    assert all("cannot reload the show, it continues as is: " in line for line in messages[:3])
    assert messages[3] == f"reloaded show file {file}"


async def test_a_changed_zone_takes_effect_at_the_next_start(file, log):
    log.set_level(logging.WARNING)
    async with watched(file) as (lights, reload):
        file.write_text('[show]\nzone = "bar"\n' + SHOW.format(2).replace("[show]\n", ""))
        reload.set()
        await wait_for_show(lights, 2)
        assert lights.zone == "main"
    assert [record.getMessage() for record in log.records] == [
        "[show] zone takes effect at the next start"
    ]
