"""Test that setting the system clock shifts time stamps and nothing else."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.streamer_process import running_streamer

pytestmark = [pytest.mark.peer, pytest.mark.long]


def library() -> str:
    """Return the path of libfaketime, which changes the time of day only."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "libfaketime is missing: apt install libfaketime"
    return str(found[0])


def follows(estimate: tuple[float, dict], shift: int) -> bool:
    """Return whether an estimate's time stamp is shifted by so many seconds."""
    arrived, payload = estimate
    return abs(payload["ts"] / 1e3 - arrived - shift) < 1


async def test_time_stamps_follow_the_clock_and_tracking_is_unaffected(tmp_path, monkeypatch):
    clock = tmp_path / "clock"

    def set_clock(shift: str) -> None:
        (tmp_path / "next").write_text(shift)
        (tmp_path / "next").replace(clock)  # atomic replacement, never read half written

    set_clock("+0")
    monkeypatch.setenv("LD_PRELOAD", library())
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(clock))
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    monkeypatch.setenv("FAKETIME_CACHE_DURATION", "1")
    async with running_streamer("--input", "demo") as program:
        for shift in ("+7200", "-7200", "+3600"):
            before = len(program.estimates)
            set_clock(shift)
            await program.until(lambda shift=shift: follows(program.estimates[-1], int(shift)), 10)
            settled = len(program.estimates)
            await asyncio.sleep(3)
            assert all(follows(each, int(shift)) for each in program.estimates[settled:])
            received = program.estimates[before:]
            assert len(received) > 25
            assert max(b - a for (a, _), (b, _) in pairwise(received)) < 1.0
            assert max(payload["latency_ms"] for _, payload in received) < 500
            numbers = [payload["seq"] for _, payload in received]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        warnings = [text for _, text in program.log if "the system clock changed by" in text]
        assert [text.split("changed by ")[1].split(" s")[0] for text in warnings] == [
            "+7200.0", "-14400.0", "+10800.0",
        ]  # fmt: skip
        assert program.health["gaps"] == 0
