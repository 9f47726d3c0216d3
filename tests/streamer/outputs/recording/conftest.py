"""A synthetic trajectory, and recorders that are closed after the test."""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streamer.config import Record
from streamer.outputs.recording import Recorder
from streamer.tracking import Affect, Update


def make_trajectory(
    count: int, *, start_time: float | None = None, step: float = 0.1
) -> list[Update]:
    """Return updates on a loop through the plane, at uneven steps like those of real windows."""
    start_time = time.monotonic() - count * step if start_time is None else start_time
    updates = []
    for tick in range(count):
        at = tick * step + 0.004 * math.sin(2.3 * tick)
        smooth = Affect(
            0.8 * math.sin(at / 3), 0.6 * math.cos(at / 2), 0.1 + 1e-3 * tick % 0.2, 0.2
        )
        raw = Affect(0.9 * math.sin(at / 3), 0.7 * math.cos(at / 2), 0.3, 0.31)
        silent = 20 <= tick < 30
        level = -70.25 if silent else -20.0 + math.sin(at)
        warm = min(1.0, tick / 30)
        updates.append(Update(tick, 1.0 + at, start_time + at, raw, smooth, silent, warm, level))
    return updates


@pytest.fixture(scope="session")
def trajectory() -> Callable[..., list[Update]]:
    return make_trajectory


@pytest.fixture
def start_recorder(tmp_path: Path) -> Iterator[Callable[..., Recorder]]:
    """Start recorders in the folder `recordings`, without a minimum of free space."""
    recorders: list[Recorder] = []

    def start(*, zones: tuple[str, ...] = ("main",), **options: Any) -> Recorder:
        settings = {"folder": tmp_path / "recordings", "free_gb": 0.0, **options}
        injected = {
            name: settings.pop(name)
            for name in ("get_free_space", "queue_size")
            if name in settings
        }
        recorder = Recorder(
            Record(**settings),
            {zone: f"{zone} microphone" for zone in zones},
            model="test",
            **injected,
        )
        recorders.append(recorder)
        return recorder

    yield start
    for recorder in recorders:
        recorder.finish()


@pytest.fixture
def record(start_recorder: Callable[..., Recorder]) -> Callable[..., Path]:
    """Record updates of the zone `main` and return the newest file."""

    def record(updates: list[Update], **options: Any) -> Path:
        recorder = start_recorder(**options)
        for update in updates:
            recorder.offer_update("main", update)
        recorder.finish()
        assert (recorder.recorded, recorder.dropped, recorder.last_error) == (len(updates), 0, "")
        return max((recorder.folder).glob("*.parquet"))

    return record


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait until a condition holds that another thread establishes."""

    def until(done: Callable[[], object], seconds: float = 5.0) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    return until
