"""A show file that is edited while the show runs."""

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
async def watched(file):
    lights = LightController(load_show(file), node="studio", dry=True)
    reload = asyncio.Event()
    task = asyncio.create_task(watch_show(file, lights, reload=reload))
    try:
        yield lights, reload
    finally:
        task.cancel()
        await asyncio.wait({task})


async def shows(lights, fade_time, seconds=3.0):
    async with asyncio.timeout(seconds):
        while lights.show.settings.fade_time != fade_time:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_change_is_taken_over(file):
    async with watched(file) as (lights, _):
        await asyncio.sleep(0.1)
        file.write_text(SHOW.format(20))
        await shows(lights, 20)
        other = file.with_suffix(".new")  # as editors save
        other.write_text(SHOW.format(30))
        os.utime(other, ns=(file.stat().st_mtime_ns,) * 2)
        other.replace(file)
        await shows(lights, 30)


async def test_it_is_read_at_once_when_asked(file):
    async with watched(file) as (lights, reload):
        file.write_text(SHOW.format(20))
        reload.set()
        await shows(lights, 20, 0.5)


async def test_a_bad_file_is_told_and_the_last_good_show_goes_on(file, log):
    log.set_level(logging.INFO)
    async with watched(file) as (lights, reload):
        for bad in (SHOW.format("'x'"), "[show\n", None):
            file.write_text(bad) if bad is not None else file.unlink()
            reload.set()
            await asyncio.sleep(0.1)
            assert lights.show.settings.fade_time == 1
        file.write_text(SHOW.format(7))
        reload.set()
        await shows(lights, 7)
    said = [record.getMessage() for record in log.records]
    assert len(said) == 4
    assert all("the show goes on as it was: " in line for line in said[:3])
    assert said[3] == f"show file read again: {file}"


async def test_another_zone_waits(file, log):
    log.set_level(logging.WARNING)
    async with watched(file) as (lights, reload):
        file.write_text('[show]\nzone = "bar"\n' + SHOW.format(2).replace("[show]\n", ""))
        reload.set()
        await shows(lights, 2)
        assert lights.zone == "main"
    assert [record.getMessage() for record in log.records] == [
        "[show] zone waits for the next start"
    ]
