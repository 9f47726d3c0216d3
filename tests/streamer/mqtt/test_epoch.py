"""The machine's clock is set while estimates flow."""

import itertools
import time

import pytest

from streamer.helpers import EpochClock

VA = "streamer/test/main/va"


class Clock:
    """The time of day, which a test sets."""

    def __init__(self):
        self.shift = 0.0
        self._time = time.time

    def __call__(self):
        return self._time() + self.shift


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("streamer.helpers.time.time", clock)
    return clock


@pytest.mark.parametrize(("shift", "told"), [(3600, "+3600.0 s"), (-3600, "-3600.0 s"), (0.2, "")])
def test_a_jump_is_told_once(clock, caplog, shift, told):
    epoch = EpochClock()
    before = epoch.offset()
    clock.shift = shift
    assert epoch.offset() - before == pytest.approx(shift, abs=0.05)
    epoch.offset()
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == bool(told)
    assert all(f"the system clock changed by {told}" in line for line in messages)


@pytest.mark.peer
@pytest.mark.parametrize("shift", [-3600, 3600])
async def test_estimates_go_on_and_their_stamps_follow(mosquitto, subscribe, publish, clock, shift):
    async with subscribe(mosquitto.address) as seen, publish(mosquitto.address):
        await seen.until(lambda: len(seen.on(VA)) >= 5)
        clock.shift = shift
        before = len(seen.on(VA))
        await seen.until(lambda: len(seen.on(VA)) >= before + 10)
        payloads = seen.payloads(VA)
    sequence = [payload["seq"] for payload in payloads]
    assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))
    assert max(payload["latency_ms"] for payload in payloads) < 500
    steps = [b["ts"] - a["ts"] for a, b in itertools.pairwise(payloads)]
    assert sum(abs(step - 100) > 100 for step in steps) == 1
    assert sum(steps) == pytest.approx(shift * 1e3 + 100 * len(steps), abs=200)
